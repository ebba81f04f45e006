"""A run that is killed at any moment goes on where it was, and ends with the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import xarray as xr

KILLS = 20

# One process loads and compiles everything once; every run is a child of it, so that only the run itself is killed.
SERVER = """
import json, os, sys
import gan_sde as gs

game = gs.games.get("lq-gan").with_defaults()
training = gs.Training(game, gs.algorithms.get("crossing-the-curl"))
options = dict(lr=0.02, batch_size=16, every=20, seed=3, record=("moments", "final"), progress=False)
gs.simulate(training, steps=1, trajectories=1, **options)
for line in sys.stdin:
    command = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            gs.simulate(training, steps=command["steps"], trajectories=command["trajectories"],
                        store=command["store"], resume=True, **options)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Server:
    """Starts runs, one at a time."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, store, trajectories=400_000, steps=60):
        command = {"store": str(store), "trajectories": trajectories, "steps": steps}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def status(self):
        return int(self.process.stdout.readline())

    def run(self, store, **size):
        self.start(store, **size)
        assert self.status() == 0

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.close()


def kill(child):
    with suppress(ProcessLookupError):  # it had just ended
        os.kill(child, signal.SIGKILL)


def bits(store):
    """Every variable of a finished store, as bytes."""
    with xr.open_zarr(store, consolidated=False) as data:
        return {name: (variable.dims, variable.values.tobytes()) for name, variable in data.variables.items()}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_at_random_moments(server, tmp_path):
    """20 runs, each killed once at a moment uniform over its length; each is resumed and compared with a whole one."""
    server.run(tmp_path / "warm-up")  # compiles
    began = time.monotonic()
    server.run(tmp_path / "whole")
    length, whole = time.monotonic() - began, bits(tmp_path / "whole")
    moments, interrupted, kept = random.Random(0), 0, 0
    for number in range(KILLS):
        store = tmp_path / f"run-{number}"
        child = server.start(store)
        time.sleep(moments.uniform(0, length))
        kill(child)
        interrupted += server.status() == signal.SIGKILL
        kept += any((tmp_path / f"run-{number}.partial").glob("chunk-*.npz"))
        server.run(store)
        assert bits(store) == whole
        assert not list(tmp_path.glob("run-*.partial")) and not list(tmp_path.glob("*.tmp"))
    # otherwise nothing was tested: most runs were cut short, and some had finished chunks to keep
    assert interrupted >= KILLS / 2 and kept >= 3


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_one_run_killed_again_and_again(server, tmp_path):
    """The same run, killed until it is through: it always gets on."""
    server.run(tmp_path / "whole")
    delays, kills = random.Random(1), 0
    while True:
        child = server.start(tmp_path / "often")
        time.sleep(delays.uniform(0.1, 0.8))
        kill(child)
        if server.status() == 0:
            break
        kills += 1
        assert kills < 200
    assert bits(tmp_path / "often") == bits(tmp_path / "whole")
