"""Runs on a GPU: which backend a plan takes, and the same results as on the CPU, block by block."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import gan_sde as gs
from gan_sde.kernels import triton_backend
from gan_sde.simulation.simulate import simulate
from gan_sde.simulation.waves import _waves

ROOT = Path(__file__).resolve().parents[2]
CHOICES = {"lr": 0.05, "batch_size": 16, "steps": 4, "trajectories": 2100, "every": 2}
INTERPRETED = """
import sys
import numpy as np
from triton.runtime import interpreter
from gan_sde.simulation import waves
from gan_sde.kernels.triton_words import philox
from tests.simulation.test_waves import CHOICES, training
if hasattr(interpreter, "_patch_lang"):  # once is enough, and much faster
    interpreter._patch_lang(philox.fn)
    nothing = interpreter._LangPatchScope()
    interpreter._patch_lang = lambda fn: nothing
from gan_sde.simulation.simulate import simulate
waves.WAVE = 2  # three blocks in two waves
records = ("moments", "final", "paths") if sys.argv[2] == "paths" else ("moments", "final")
run = simulate(training(), backend="gpu", record=records, antithetic=sys.argv[3] == "pairs", **CHOICES)
np.savez(sys.argv[1], backend=run.attrs["backend"], **{name: run[name].values for name in run.data_vars})
"""


def training():
    return gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda"))


@pytest.mark.slow
@pytest.mark.parametrize("records", ["moments", "paths"])
@pytest.mark.parametrize("lanes", ["single", "pairs"])
def test_a_run_on_the_gpu_is_that_on_the_cpu(tmp_path, records, lanes):
    pytest.importorskip("triton", reason="the extra gan-sde[gpu] is not installed")
    file = tmp_path / "run.npz"
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, str(file), records, lanes],
        cwd=ROOT, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = np.load(file)
    record = ("moments", "final", "paths") if records == "paths" else ("moments", "final")
    expected = simulate(training(), backend="cpu", record=record, antithetic=lanes == "pairs", **CHOICES)
    assert str(found["backend"]) == "gpu"
    assert set(found.files) - {"backend"} == set(expected.data_vars)
    for name in expected.data_vars:
        assert np.allclose(found[name], expected[name].values, rtol=1e-12, atol=1e-14), name


def test_waves_are_runs_of_neighbours():
    ranges = iter([(0, 4), (4, 8), (12, 16), (16, 18)])
    assert list(_waves(ranges)) == [[(0, 4), (4, 8)], [(12, 16), (16, 18)]]


def test_auto_takes_a_gpu_that_is_there(monkeypatch):
    """With everything found the plan says "gpu", and only then is Triton asked for: here it has no device."""
    monkeypatch.setattr(triton_backend, "_DEVICE_FILES", ("/dev/null",))
    monkeypatch.setattr(triton_backend, "find_spec", lambda name: object())
    answers = iter([True, False])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: next(answers))
    with pytest.raises(ValueError, match=r"^backend: expected a CUDA device, got none$"):
        simulate(training(), backend="auto", **CHOICES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    assert simulate(training(), backend="auto", **CHOICES).attrs["backend"] == "cpu"
    with pytest.raises(ValueError, match=r"^backend: expected (a CUDA device|the extra)"):
        simulate(training(), backend="gpu", **CHOICES)
    with pytest.raises(ValueError, match=r"^backend: expected 'auto' or 'cpu' or 'gpu' or 'reference', got 'tpu'$"):
        simulate(training(), backend="tpu", **CHOICES)
