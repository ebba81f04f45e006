"""Compiled kernels on disk: found again, never mistaken for others, and never in the way."""

import os
import subprocess
import sys
import time

import numba
import numpy as np
import pytest

from gan_sde.kernels import cpu, kernel_cache
from gan_sde.kernels.compiled import compiled as compiled_function

FLOAT64 = np.dtype(np.float64)
SOURCE = """
def kernel(state, diverged, trajectory, step, rates, substeps, key0, key1, stream_bits, inverse_batch,
           batch, couple, coefficients, tables, numbers, places):
    for l in range(state.shape[1]):
        state[0, l] = state[0, l] * {factor} + inverse_batch
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path / "kernels"))
    kernel_cache._folder.cache_clear()
    yield tmp_path / "kernels"
    kernel_cache._folder.cache_clear()


def compiled(factor=2.0):
    """A kernel past the cache of this process, and what it makes of 3."""
    kernel = cpu.compile_kernel.__wrapped__(SOURCE.format(factor=factor), FLOAT64)
    state, zero = np.array([[3.0]]), np.uint64(0)
    none, zeros = np.zeros(0), np.zeros(1)
    kernel(
        state, np.zeros(1, np.int64), 0, 0, zeros, 1, zero, zero, zero, 0.5, 1, 1, none, none, none, none.astype(int)
    )
    return kernel, state[0, 0]


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_a_kernel_is_found_again_and_is_the_same(folder):
    first, value = compiled()
    assert hits(first) == 0 and value == 6.5
    second, again = compiled()
    assert hits(second) == 1 and again == value
    assert len(list(folder.glob("kernel_*.py"))) == 1


def test_another_text_is_another_kernel(folder):
    compiled(2.0)
    other, value = compiled(4.0)
    assert hits(other) == 0 and value == 12.5
    assert len(list(folder.glob("kernel_*.py"))) == 2


def test_other_foundations_are_another_kernel(folder, monkeypatch):
    """What the kernel calls is part of its name: after a change there it is compiled anew."""
    compiled()
    monkeypatch.setattr(kernel_cache, "_foundations", lambda: "changed")
    assert hits(compiled()[0]) == 0


def test_damaged_files_are_compiled_anew(folder):
    compiled()
    for path in folder.glob("__pycache__/*.nbc"):
        path.write_bytes(path.read_bytes()[:100])
    kernel, value = compiled()
    assert hits(kernel) == 0 and value == 6.5
    assert hits(compiled()[0]) == 0 and hits(compiled()[0]) == 1  # mended


def test_a_text_that_was_tampered_with_is_not_run(folder):
    compiled()
    (path,) = folder.glob("kernel_*.py")
    path.write_text(path.read_text().replace("2.0", "9.0"))
    assert compiled()[1] == 6.5


@pytest.mark.parametrize("value", ["off", "OFF", " off", "0", "none"])
def test_without_a_cache(value, monkeypatch):
    monkeypatch.setenv(kernel_cache.VARIABLE, value)
    kernel_cache._folder.cache_clear()
    try:
        assert kernel_cache.kernel_file("text", "float64") is None
        assert compiled()[1] == 6.5
    finally:
        kernel_cache._folder.cache_clear()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path / "file" / "kernels"))
    kernel_cache._folder.cache_clear()
    try:
        assert kernel_cache.kernel_file("text", "float64") is None
    finally:
        kernel_cache._folder.cache_clear()


def test_the_oldest_make_room(folder, monkeypatch):
    monkeypatch.setattr(kernel_cache, "MOST", 3)
    for number in range(5):
        path = kernel_cache.kernel_file(f"text {number}", "float64")
        os.utime(path, (time.time() - 100 + number,) * 2)
    assert sorted(p.read_text() for p in folder.glob("kernel_*.py")) == ["text 2", "text 3", "text 4"]


def test_another_process_finds_it(folder):
    """The whole path: a simulation in two processes, the second of which compiles nothing, bit for bit the same."""
    code = (
        "import gan_sde as gs, numpy as np\n"
        "from gan_sde.kernels import cpu\n"
        "game = gs.games.get('bilinear').with_defaults()\n"
        "run = gs.simulate(gs.Training(game, gs.algorithms.get('sgda')), lr=0.1, steps=3, trajectories=5, seed=1)\n"
        "print(run['final'].values.tobytes().hex())\n"
    )
    results = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
        for _ in range(2)
    ]
    assert results[0].stdout == results[1].stdout != ""
    assert len(list(folder.glob("kernel_*.py"))) == 1
    assert len(list(folder.glob("__pycache__/*.nbc"))) == 1


def test_functions_compile_where_nothing_can_be_kept(monkeypatch):
    """numba refuses cache=True at once where neither package nor home can be written."""
    real = numba.njit

    def strict(*arguments, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*arguments, **options)

    monkeypatch.setattr(numba, "njit", strict)
    assert compiled_function(nogil=True)(lambda x: x + 1)(2) == 3
