# Two commands do all the set-up: `make reproduce` (the main job) and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: reproduce test test-all lint types bench clean

reproduce: $(READY)
	$(BIN)/gan-sde reproduce --out results

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --doctest-modules

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --doctest-modules -m ""

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

# torch is installed first and by pip: a plain `torch` would pull the CUDA build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf .venv results build dist .pytest_cache .mypy_cache .ruff_cache
