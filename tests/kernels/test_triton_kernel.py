"""The Triton kernel, interpreted on the CPU, against the plain reference: same random numbers, equal up to rounding."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from gan_sde.kernels import reference_stepper
from gan_sde.kernels.philox import LOW_WORD, SUBSTEP_BITS, WORD_BITS, philox_block
from gan_sde.kernels.stepper import DIVERGENCE_BOUND
from tests.kernels.recipes import TOLERANCE
from tests.kernels.triton_cases import CASES, FUNCTIONS, POINTS, WORDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Results of all cases; the interpreter has to be chosen before Triton is imported, so in a process of its own."""
    pytest.importorskip("triton", reason="the extra gan-sde[gpu] is not installed")
    file = tmp_path_factory.mktemp("triton") / "results.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.triton_cases", str(file)],
        cwd=ROOT, env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(file)


def difference(state, expected):
    """Largest difference, in units of the largest magnitude of each coordinate; NaN have to agree."""
    assert np.array_equal(np.isnan(state), np.isnan(expected))
    scale = np.nanmax(np.abs(expected), axis=1, keepdims=True)
    return np.nanmax(np.abs(state - expected) / scale)


@pytest.mark.parametrize("name", CASES)
def test_equals_the_reference(interpreted, name):
    case = CASES[name]
    expected, expected_diverged = case.run(reference_stepper)
    state = interpreted[f"{name} state"]
    assert state.dtype == expected.dtype
    assert difference(state, expected) < TOLERANCE[case.options.get("dtype", "float64")]
    assert np.array_equal(interpreted[f"{name} diverged"], expected_diverged)


@pytest.mark.parametrize("change", [{"seed": 78}, {"stream": 1}, {"substeps": 2}, {"batch_size": 17}])
def test_another_run_is_told_apart(interpreted, change):
    """Negative control: the comparison sees a wrong key, stream, number of sub-steps or batch size."""
    case = CASES["sde"]
    other, _ = replace(case, options=case.options | change).run(reference_stepper)
    assert difference(interpreted["sde state"], other) > 1e-3


def test_another_draw_is_told_apart(interpreted):
    """Negative control: a step or a trajectory that is off by one."""
    for change in ({"step": 1}, {"trajectory": 1}):
        other, _ = replace(CASES["sde"], **change).run(reference_stepper)
        assert difference(interpreted["sde state"], other) > 1e-2


def test_the_cases_reach_what_they_are_for(interpreted):
    gone = interpreted["divergence diverged"] >= 0
    assert 0 < gone.sum() < gone.size
    assert set(interpreted["divergence diverged"][gone]) <= set(range(41, 47))
    assert interpreted["from-nothing diverged"].tolist() == [-1, 10, 10, 10]
    bounded = interpreted["bounds state"]
    assert bounded[1].min() == 0.1 and bounded[2].min() == 0.9 and bounded[2].max() == 1.1
    quiet = interpreted["sde-quiet state"]
    assert np.all(quiet == quiet[:, :1])


def test_calls_may_be_split_anywhere(interpreted):
    """Bit for bit: three calls a step over parts of the trajectories, one step a call."""
    assert np.array_equal(interpreted["split state"], interpreted["sde state"])
    assert np.array_equal(interpreted["split diverged"], interpreted["sde diverged"])


@pytest.mark.parametrize("number", range(len(WORDS)))
def test_words_are_those_of_the_cpu_bit_for_bit(interpreted, number):
    seed, trajectory, step, block, substep = WORDS[number]
    trajectories = np.arange(trajectory, trajectory + 256).astype(np.uint64)
    high = np.uint64(substep) | ((trajectories >> WORD_BITS) << SUBSTEP_BITS)
    expected = philox_block(trajectories & LOW_WORD, step, block, high, seed)
    assert np.array_equal(interpreted[f"words {number}"], np.stack(expected).astype(np.int64))


RELATIVE = {
    "exp": np.exp, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "arctan": np.arctan, "sigmoid": special.expit, "erf": special.erf, "softplus": lambda x: np.logaddexp(0, x),
    "two-to-x": lambda x: 2 ** (x / 2), "cube-root": lambda x: np.cbrt(np.abs(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", RELATIVE)
def test_elementary_functions_keep_their_digits(interpreted, name):
    """Relative errors, which the comparison above does not see where a function is small."""
    assert name in FUNCTIONS
    expected = RELATIVE[name](POINTS)
    inside = np.abs(expected) <= DIVERGENCE_BOUND
    error = np.abs(interpreted[f"{name} state"][0] - expected)[inside]
    assert np.all(error <= 8 * np.finfo(float).eps * np.abs(expected[inside]))
