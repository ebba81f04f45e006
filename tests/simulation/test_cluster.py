"""Runs on a cluster of real scheduler and worker processes on loopback, with the bits of a run in this process."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

import gan_sde as gs
from gan_sde.simulation import cluster as module
from gan_sde.simulation.chunks import run_all
from gan_sde.simulation.simulate import plan_of

pytest.importorskip("distributed", reason="needs the extra 'cluster'")
# warnings of dask and tornado are not ours to mend
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]

GAME = gs.games.get("lq-gan").with_defaults()
TRAINING = gs.Training(GAME, gs.algorithms.get("sgda", order="alternating"))
OPTIONS = {"lr": 0.02, "steps": 40, "trajectories": 40_000, "batch_size": 16, "every": 20, "seed": 3, "progress": False}


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder, stack):
        self.folder, self.stack, self.workers = folder, stack, []
        self.file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self.file))
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text().rstrip().endswith("}")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def _start(self, kind, *options):
        command = [sys.executable, "-m", "dask", kind, *options, "--no-dashboard"]
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.stack.callback(stop, process)
        return process

    def add_worker(self):
        self.workers.append(
            self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1",
                        "--local-directory", str(self.folder))
        )  # fmt: skip

    def wait(self, count):
        from distributed import Client

        with Client(self.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)


def stop(process):
    if process.poll() is None:
        process.kill()
    process.wait(30)


@contextmanager
def started(folder, workers):
    with ExitStack() as stack:
        made = Cluster(folder, stack)
        for _ in range(workers):
            made.add_worker()
        made.wait(workers)
        yield made


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with started(tmp_path_factory.mktemp("cluster"), 1) as made:
        yield made


def bits(run):
    return {
        name: (v.dims, v.values.tobytes() if v.dtype != object else tuple(v.values))
        for name, v in run.variables.items()
    }


STARTS = np.random.default_rng(0).normal(size=(OPTIONS["trajectories"], 4)) * 0.1 + [0, 0, 1, 0]


def test_one_worker_gives_the_bits_of_this_process(one, tmp_path):
    """Also with a start for every trajectory, with a store, and for an SDE."""
    for process in (TRAINING, TRAINING.sde(2)):
        here = gs.simulate(process, **OPTIONS)
        there = gs.simulate(process, **OPTIONS, scheduler=one.address)
        assert bits(there) == bits(here)
    here = gs.simulate(TRAINING, **OPTIONS, x0=STARTS)
    there = gs.simulate(TRAINING, **OPTIONS, x0=STARTS, scheduler=one.address, store=tmp_path / "run.zarr")
    assert bits(there) == bits(here)
    assert bits(gs.simulate(TRAINING, **OPTIONS)) != bits(here)
    pairs = {**OPTIONS, "x0": STARTS, "antithetic": True, "observe": {"product": "w1*a"}}
    assert bits(gs.simulate(TRAINING, **pairs, scheduler=one.address)) == bits(gs.simulate(TRAINING, **pairs))


def test_an_algorithm_of_a_script_travels_by_value(one):
    script = f"""
import gan_sde as gs
from gan_sde.algorithms import AbstractAlgorithm

class Mine(AbstractAlgorithm):
    def step(self, oracle, x, eta):
        return x - 0.5 * eta * oracle.F(x, oracle.fresh())

training = gs.Training(gs.games.get("quadratic").with_defaults(), Mine())
options = dict(lr=0.1, steps=5, trajectories=20_000, progress=False)
here, there = gs.simulate(training, **options), gs.simulate(training, **options, scheduler="{one.address}")
assert (here["final"].values == there["final"].values).all()
print("same")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "same", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_more_workers(workers, tmp_path):
    here = gs.simulate(TRAINING, **OPTIONS)
    with started(tmp_path, workers) as made:
        assert bits(gs.simulate(TRAINING, **OPTIONS, scheduler=made.address)) == bits(here)


@pytest.mark.slow
def test_a_worker_killed_midway(tmp_path):
    """Its chunks are run again by the other; SIGKILL comes when the first results are there."""
    options = OPTIONS | {"trajectories": 600_000, "steps": 300, "every": 100}
    here = gs.simulate(TRAINING, **options)
    with started(tmp_path, 2) as made:
        killed = []

        def advance(_):
            if not killed:
                os.kill(made.workers[0].pid, signal.SIGKILL)
                killed.append(made.workers[0].wait(30))

        plan = plan_of(TRAINING, **{name: value for name, value in options.items() if name != "progress"})
        with module.cluster(made.address) as run:
            result = next(run_all([(plan, None)], run, advance))
    assert killed == [-signal.SIGKILL]
    assert result.final.tobytes() == here["final"].values.tobytes()


# -------------------------------------------------------------------- bad input


def test_a_wrong_address_on_the_command_line():
    """One line, at once, and nothing more when the process ends."""
    command = [sys.executable, "-m", "gan_sde.cli", "simulate", "quadratic", "--steps", "2", "--trajectories", "2"]
    began = time.monotonic()
    done = subprocess.run([*command, "--scheduler", "nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and time.monotonic() - began < 45
    lines = [line for line in done.stderr.splitlines() if not line.startswith("assumed: ")]
    assert lines == [
        "gan-sde: --scheduler: expected the address of a running dask scheduler, tcp://host:port, got 'nowhere'"
    ]


@pytest.mark.parametrize("address", [3, "", "nowhere", "tcp://127.0.0.1:1", "tcp://", True], ids=repr)
def test_no_scheduler_there(address, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with pytest.raises(ValueError, match=r"^scheduler: expected the address of a .*, got .*") as error:
        gs.simulate(TRAINING, **OPTIONS, scheduler=address)
    assert "\n" not in str(error.value)


def test_without_distributed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"^scheduler: expected dask\.distributed to be installed .*cluster"):
        gs.simulate(TRAINING, **OPTIONS, scheduler="tcp://127.0.0.1:8786")


def test_no_worker_there(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WORKER", 1.0)
    with ExitStack() as stack:
        made = Cluster(tmp_path, stack)
        with pytest.raises(TimeoutError, match="scheduler: expected at least one worker"):
            gs.simulate(TRAINING, **OPTIONS, scheduler=made.address)


def test_a_worker_of_other_versions_is_refused(one, monkeypatch):
    monkeypatch.setattr(module, "_versions", lambda own=module._versions: own() | {"numba": "0.1"})
    with pytest.raises(RuntimeError, match=r"scheduler: expected workers with numba 0\.1, got one with"):
        gs.simulate(TRAINING, **OPTIONS, scheduler=one.address)
