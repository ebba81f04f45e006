"""Claims in several processes: one that dies, one that exits, a command that is terminated."""

import os
import signal
import subprocess
import sys
import time

import pytest

from figures import pool
from figures.registry import Claim, Settings


def run_or_die(name, settings):
    """Stands for the run of a claim in a worker."""
    if name == "dies":
        os._exit(1)
    time.sleep(0.2)
    return pool.Finished(None, None, f"ran {name}", 0.2)


def claims(*names):
    return [Claim(name, "T", "P", lambda settings: None) for name in names]


def test_a_process_that_dies_takes_no_other_claim_with_it(monkeypatch):
    monkeypatch.setattr(pool, "_run_named", run_or_die)
    names = ["first", "dies", "second", "third"]
    found = dict(pool.run_claims(claims(*names), Settings(), jobs=2))
    assert {names[k]: finished.error for k, finished in found.items()} == {
        "first": "ran first", "dies": "the process that ran it died", "second": "ran second", "third": "ran third",
    }  # fmt: skip


def test_a_claim_that_exits_has_failed():
    (claim,) = claims("exits")
    finished = pool.run_claim(Claim(claim.name, "T", "P", lambda settings: sys.exit(0)), Settings())
    assert finished.outcome is None and finished.error.startswith("SystemExit")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [1.5, 4.0, 8.0])
def test_a_command_that_is_stopped_leaves_nothing(tmp_path, number, delay):
    """Termination of the command, interrupt of its whole group: one line, status 130, no process, no file."""
    command = [sys.executable, "-m", "gan_sde.cli", "reproduce", "--jobs", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(delay)
    if number == signal.SIGTERM:
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    # before Python runs, and before the command does, the system's own status stands
    if process.returncode == 130:
        assert len(errors.strip().splitlines()) == 1, errors
    else:
        assert delay < 4
    deadline = time.monotonic() + 15
    while (left := group(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left
    assert not (tmp_path / "out").exists()


def group(number):
    """Processes of a group that are still there, as far as /proc tells."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[2]) == number and fields[0] != "Z":
            found.append(int(entry))
    return found
