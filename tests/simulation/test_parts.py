"""However the blocks of an ensemble are grouped, the merged result has the same bits."""

from itertools import pairwise

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.simulation import chunks, ensemble
from gan_sde.simulation.block import run_block
from gan_sde.simulation.parts import Part
from gan_sde.simulation.results import BLOCK
from gan_sde.simulation.simulate import plan_of

TRAINING = gs.Training(gs.games.get("lq-gan").with_defaults(), gs.algorithms.get("sgda"))
TRAJECTORIES = 41 * 1024 + 300
OPTIONS = {
    "lr": 0.05, "steps": 6, "trajectories": TRAJECTORIES, "batch_size": 4, "every": 3, "seed": 5,
    "observe": {"energy": "w2**2 + a**2"}, "histogram": {"a": [0.2, 0.4, 0.6]}, "quantiles": (0.1, 0.5),
    "functionals": {"highest": gs.running_max("a")},
}  # fmt: skip


@pytest.fixture(scope="module")
def blocks():
    """What every block left behind, as parts that may be joined again and again."""
    plan = plan_of(TRAINING, **OPTIONS)
    stepper = ensemble.make_stepper(plan)
    found = []
    for first in range(0, TRAJECTORIES, BLOCK):
        stop = min(first + BLOCK, TRAJECTORIES)
        found.append(Part.of_block(first, run_block(plan, stepper, first, stop)).arrays())
    return found


def joined(blocks, cuts):
    """Parts between the cuts, each joined and written out and read back, then all joined."""
    edges = [0, *cuts, len(blocks)]
    parts = []
    for low, high in pairwise(edges):
        part = Part.joined(Part.from_arrays({n: a.copy() for n, a in block.items()}) for block in blocks[low:high])
        parts.append(Part.from_arrays({n: a.copy() for n, a in part.arrays().items()}))
    return bits(Part.of_block(0, Part.joined(parts).total()))


def bits(part):
    return {name: array.tobytes() for name, array in part.arrays().items()}


def test_any_grouping_gives_the_same_bits(blocks):
    whole = joined(blocks, [])
    random = np.random.default_rng(0)
    groupings = [list(range(1, 42)), list(range(16, 42, 16)), list(range(3, 42, 3)), [1], [41], [20, 21]]
    groupings += [sorted(random.choice(np.arange(1, 42), size, replace=False)) for size in (2, 7, 20)]
    for cuts in groupings:
        assert joined(blocks, cuts) == whole, cuts


def test_merging_in_a_row_would_not(blocks):
    """Control: additions in another order round otherwise."""
    parts = [Part.from_arrays({n: a.copy() for n, a in block.items()}) for block in blocks]
    first = parts[0].nodes[0].summaries["moments"]
    for part in parts[1:]:
        first.merge(part.nodes[0].summaries["moments"])
    whole = Part.joined(Part.from_arrays({n: a.copy() for n, a in block.items()}) for block in blocks).total()
    np.testing.assert_allclose(first.mean, whole.moments.mean, rtol=1e-12, atol=1e-15)
    assert first.mean.tobytes() != whole.moments.mean.tobytes()


def test_an_aligned_part_is_one_node(blocks):
    for low, high, count in ((0, 16, 1), (16, 32, 1), (32, 42, 2), (3, 5, 2), (3, 4, 1), (1, 16, 4)):
        part = Part.joined(Part.from_arrays({n: a.copy() for n, a in block.items()}) for block in blocks[low:high])
        assert len(part.nodes) == count, (low, high)
        assert sum(node.blocks for node in part.nodes) == high - low


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_the_size_of_chunks_does_not_matter(chunk, monkeypatch, tmp_path):
    """Also for a store whose run is resumed."""
    usual = gs.simulate(TRAINING, **OPTIONS, progress=False)
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    other = gs.simulate(TRAINING, **OPTIONS, progress=False, store=tmp_path / "run.zarr")
    for name, variable in usual.variables.items():
        if variable.dtype != object:
            assert variable.values.tobytes() == other[name].values.tobytes(), name


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_does_not_matter(threads, monkeypatch):
    usual = gs.simulate(TRAINING, **OPTIONS, progress=False)
    monkeypatch.setattr(ensemble, "cpu_count", lambda: threads)
    other = gs.simulate(TRAINING, **OPTIONS, progress=False)
    for name, variable in usual.variables.items():
        if variable.dtype != object:
            assert variable.values.tobytes() == other[name].values.tobytes(), name
