"""A million trajectories leave sums behind, not states."""

import subprocess
import sys

import pytest

CODE = """
import re
from pathlib import Path
import gan_sde as gs
game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
sde = gs.Training(game, gs.algorithms.get("sgda")).sde(order=1)
run = gs.simulate(sde, lr=0.01, batch_size=16, steps=100, trajectories={trajectories}, integrator="euler", substeps=1,
                  record={record}, every=10)
assert run["n"].values[0] == {trajectories}
# not ru_maxrss, which begins at the memory of the process that started this one
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak(trajectories, record):
    """Peak memory of a process of its own, in MiB."""
    code = CODE.format(trajectories=trajectories, record=record)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_memory_of_a_million_trajectories():
    """Below 1 GiB; two thirds of what their paths (11 checkpoints of 4 numbers) alone would take is not there."""
    small, large = peak(1_000, ("moments",)), peak(1_000_000, ("moments",))
    assert large < 1024
    paths = 1_000_000 * 11 * 4 * 8 / 2**20
    assert large - small < paths / 3
    # the negative control: with paths of an eighth as many the same measurement sees them
    assert peak(125_000, ("moments", "paths")) - small > paths / 8
