"""Which backend a run takes, what is said where there is no GPU, and the moments that are reduced on the device."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sympy import Function, Symbol

from gan_sde.kernels import triton_backend
from gan_sde.kernels.triton_backend import chosen_backend
from gan_sde.kernels.triton_moments import device_moments
from gan_sde.kernels.triton_stepper import gpu_stepper
from gan_sde.kernels.triton_uniforms import uniform_values
from gan_sde.simulation.statistics import Moments
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
from tests.kernels.recipes import lq_sde, lq_training

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"batch_size": 4, "seed": 0}


def pretend(monkeypatch, *, installed, driver, cuda, interpreted=False):
    """Set what is found on this machine."""
    monkeypatch.setattr(triton_backend, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(triton_backend, "_DEVICE_FILES", ("/dev/null",) if driver else ("/dev/there-is-none",))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setenv("TRITON_INTERPRET", "1" if interpreted else "0")


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("driver", [False, True])
@pytest.mark.parametrize("cuda", [False, True])
def test_auto_takes_the_gpu_only_where_everything_is_there(monkeypatch, installed, driver, cuda):
    pretend(monkeypatch, installed=installed, driver=driver, cuda=cuda)
    assert chosen_backend("auto") == ("gpu" if installed and driver and cuda else "cpu")


def test_auto_never_takes_the_interpreter(monkeypatch):
    pretend(monkeypatch, installed=True, driver=True, cuda=False, interpreted=True)
    assert chosen_backend("auto") == "cpu"
    assert chosen_backend("gpu") == "gpu"


def test_gpu_is_a_demand(monkeypatch):
    pretend(monkeypatch, installed=True, driver=False, cuda=True)
    assert chosen_backend("gpu") == "gpu"
    pretend(monkeypatch, installed=True, driver=True, cuda=False)
    with pytest.raises(ValueError, match=r"^backend: expected a CUDA device, got none$"):
        chosen_backend("gpu")
    pretend(monkeypatch, installed=False, driver=True, cuda=True)
    with pytest.raises(ValueError, match=r"^backend: expected the extra gan-sde\[gpu\], got no module triton$"):
        chosen_backend("gpu")


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_other_backends_are_left_alone(monkeypatch, backend):
    pretend(monkeypatch, installed=True, driver=True, cuda=True)
    assert chosen_backend(backend) == backend


@pytest.mark.parametrize("cuda", [False, True])
def test_stepper_says_what_is_missing(monkeypatch, cuda):
    pretend(monkeypatch, installed=not cuda, driver=True, cuda=cuda)
    with pytest.raises(ValueError, match=r"^backend: expected (a CUDA device|the extra gan-sde\[gpu\]), got no"):
        gpu_stepper(lq_sde(), **GOOD)


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (lq_sde(), {"substeps": 0}, "^substeps: expected an integer from 1 to 65535, got 0$"),
        (lq_training(), {"couple": 2, "statistics": "never"}, "^couple: coupling needs batch statistics"),
        (Recipe((Symbol("x"),), (Symbol("mu"),), GaussianDraws(())), {}, "^update: expected only declared symbols"),
        (Recipe((Symbol("x"),), (Function("f")(Symbol("x")),), GaussianDraws(())), {}, "^update: the function f has"),
        (Recipe((Symbol("x"),), (Symbol("x"),), GaussianDraws(()), ((1.0, 0.0),)), {}, "^bounds: expected 1 pairs"),
    ],
)
def test_bad_recipes_and_options_are_named_as_on_the_cpu(recipe, options, message):
    with pytest.raises(ValueError, match=message):
        gpu_stepper(recipe, **(GOOD | options))


def test_without_triton_everything_else_works():
    """The modules import, write their text, and the stepper says in one line what to install."""
    script = """
import sys
sys.modules["triton"] = None  # importing it raises ImportError
from gan_sde.kernels.triton_stepper import gpu_stepper
from gan_sde.kernels.triton_backend import chosen_backend
from tests.kernels.recipes import lq_sde
assert chosen_backend("auto") == "cpu"
try:
    gpu_stepper(lq_sde(), batch_size=4, seed=0)
except ValueError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "backend: expected the extra gan-sde[gpu], got no module triton\n", done.stderr


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_moments_on_the_device_are_those_of_the_host(dtype):
    """Blocks of unequal size, one of them all diverged, and a mean far larger than the spread."""
    state = np.random.default_rng(0).standard_normal((3, 70)) * np.array([[1.0], [1e-3], [5.0]]) + 40
    state[:, [3, *range(16, 32), 69]] = math.nan
    tensor = torch.tensor(state, dtype=dtype)
    count, mean, squares = device_moments(tensor, block=16)
    assert count.tolist() == [15, 0, 16, 16, 5]
    whole = Moments.empty(1, 3)
    for b in range(5):
        expected = Moments.empty(1, 3)
        expected.record(0, np.ascontiguousarray(tensor.numpy()[:, 16 * b : 16 * b + 16]))
        assert np.allclose(mean[b], expected.mean[0], rtol=1e-14, atol=0)
        assert np.allclose(squares[b], expected.squares[0], rtol=1e-9, atol=0)
        whole.merge(Moments(count[b : b + 1], mean[b : b + 1], squares[b : b + 1]))
    kept = tensor.numpy()[:, ~np.isnan(state[0])].astype(float)
    assert whole.count == kept.shape[1]
    assert np.allclose(whole.squares[0, :3], kept.var(axis=1) * kept.shape[1], rtol=1e-9)


def test_moments_of_pairs_on_the_device_are_those_of_the_host():
    state, mirror = np.random.default_rng(0).standard_normal((2, 3, 40)) + 40
    state[:, 5] = mirror[:, 5] = math.nan
    count, mean, squares = device_moments(torch.tensor(state), 16, torch.tensor(mirror))
    assert count.tolist() == [15, 16, 8]
    for b in range(3):
        expected, own = Moments.empty(1, 3), slice(16 * b, 16 * b + 16)
        expected.record(0, state[:, own].copy(), mirror[:, own].copy())
        assert np.allclose(mean[b], expected.mean[0], rtol=1e-14, atol=0)
        assert np.allclose(squares[b], expected.squares[0], rtol=1e-9, atol=0)


def test_uniform_values_by_hand():
    prologue = (("r0", "rate*rate"), ("u0", "r0 + substep"), ("u1", "sqrt(inverse_batch)*3.0"))
    values = uniform_values(prologue, np.array([0.1, 0.2]), 2, 0.25, np.dtype(np.float32))
    assert values.dtype == np.float32 and values.flags.c_contiguous
    assert np.allclose(values, [[0.06, 1.5], [0.14, 1.5]], rtol=1e-7)
