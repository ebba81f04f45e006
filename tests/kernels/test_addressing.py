"""Results depend on seed, stream, trajectory and step alone: bitwise, however the work is split."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from gan_sde.kernels import cpu_stepper, reference_stepper
from tests.kernels.recipes import LQ_START, lq_sde, lq_training, mixed_training, run

FIRST = 2**32 - 150  # the numbers of the trajectories cross a word of the counter

STEPPERS = {
    "sde": lambda make: (make(lq_sde(), batch_size=16, substeps=2, seed=5), LQ_START),
    "statistics": lambda make: (make(lq_training(), batch_size=16, seed=5), LQ_START),
    "explicit": lambda make: (make(mixed_training(), batch_size=3, seed=5), (0.3, 0.2)),
    "float32": lambda make: (make(lq_sde(), batch_size=16, seed=5, dtype="float32"), LQ_START),
}


@pytest.fixture(params=STEPPERS)
def case(request):
    return STEPPERS[request.param](cpu_stepper)


def test_splitting_trajectories_changes_no_bit(case):
    stepper, start = case
    whole, _ = run(stepper, start, trajectories=403, trajectory=FIRST)
    edges = [0, 1, 2, 130, 259, 402, 403]
    parts = [run(stepper, start, trajectories=b - a, trajectory=FIRST + a)[0] for a, b in pairwise(edges)]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))
    assert np.unique(whole[0]).size == 403


def test_splitting_iterations_changes_no_bit(case):
    stepper, start = case
    rates = np.linspace(0.01, 0.05, 7)
    whole, parts = (np.repeat(np.array(start, stepper.dtype)[:, None], 20, axis=1) for _ in range(2))
    diverged = np.full(20, -1)
    stepper.advance(whole, diverged, trajectory=0, step=3, rates=rates)
    for a, b in ((0, 1), (1, 1), (1, 5), (5, 7)):
        stepper.advance(parts, diverged, trajectory=0, step=3 + a, rates=rates[a:b])
    assert np.array_equal(whole, parts)


def test_threads_change_no_bit(case):
    stepper, start = case
    whole, diverged = run(stepper, start, trajectories=512, steps=40, rate=0.002)
    assert np.all(diverged == -1)
    with ThreadPoolExecutor(2) as pool:
        chunks = pool.map(
            lambda a: run(stepper, start, trajectories=64, trajectory=a, steps=40, rate=0.002)[0], range(0, 512, 64)
        )
        assert np.array_equal(whole, np.concatenate(list(chunks), axis=1))


def test_the_reference_splits_likewise():
    stepper, start = STEPPERS["explicit"](reference_stepper)
    whole, _ = run(stepper, start, trajectories=5, trajectory=FIRST)
    last, _ = run(stepper, start, trajectories=2, trajectory=FIRST + 3)
    assert np.array_equal(whole[:, 3:], last)


def test_addresses_are_not_ignored():
    """Negative control: another trajectory or another step is another random number."""
    stepper, start = STEPPERS["sde"](cpu_stepper)
    base, _ = run(stepper, start, trajectories=10)
    for address in ({"trajectory": 10}, {"step": 4}, {"trajectory": 2**40}, {"step": 2**31}):
        assert not np.any(run(stepper, start, trajectories=10, **address)[0] == base)


def test_other_threads_run_meanwhile():
    stepper, start = STEPPERS["sde"](cpu_stepper)
    worker = threading.Thread(target=run, args=(stepper, start), kwargs={"trajectories": 2048, "steps": 8000})
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0.002)
        turns += 1
    assert turns > 5  # one or two, if the kernel kept the interpreter to itself
