"""What only a process of its own can show: the time of a first call, and the memory of a large ensemble."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

FIRST_CALL = """
import json, sys, time
import numpy as np
from benchmarks.{module} import process
from gan_sde.kernels import cpu_stepper
from gan_sde.symbolic.integrators import INTEGRATORS
recipe = INTEGRATORS["euler"](process({arguments}))
began = time.perf_counter(), time.process_time()
stepper = cpu_stepper(recipe, batch_size=16, seed=0)
stepper.advance(np.ones(({d}, 16)), np.full(16, -1), trajectory=0, step=0, rates=np.full(1, 0.01))
print(json.dumps({{"wall": time.perf_counter() - began[0], "cpu": time.process_time() - began[1]}}))
"""

LARGE = """
import json, re, time
from pathlib import Path
from benchmarks.lq_gan_sde import ours
began = time.perf_counter(), time.process_time()
run = ours({trajectories}, {steps})
assert int(run["n"].values[0]) == {trajectories}
# not ru_maxrss, which begins at the memory of the process that started this one
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps({{"wall": time.perf_counter() - began[0], "cpu": time.process_time() - began[1], "bytes": peak}}))
"""


def in_a_process(code: str, **environment: str) -> dict[str, float]:
    """What the last line of the code's output says."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return json.loads(done.stdout.splitlines()[-1])


FIRST_CALLS = {
    "LQ-GAN, d = 4": {"module": "lq_gan_sde", "arguments": "", "d": 4},
    "dense, d = 8": {"module": "dense_sde", "arguments": "8", "d": 8},
}
"""By name: the module that makes the SDE, what it makes it of, and its number of parameters."""


def first_call() -> dict[str, dict[str, float]]:
    """Seconds of the first call of two SDEs' kernels: compiled, and found on disk; derivation and imports apart."""
    found: dict[str, dict[str, float]] = {}
    for name, case in FIRST_CALLS.items():
        code = FIRST_CALL.format(**case)
        with tempfile.TemporaryDirectory() as folder:
            found[f"{name}, compiled"] = in_a_process(code, GAN_SDE_CACHE=folder)
            kept = [in_a_process(code, GAN_SDE_CACHE=folder) for _ in range(3)]
        found[f"{name}, found on disk"] = min(kept, key=lambda row: row["cpu"])
    print("\nFirst call of an SDE's kernel, derivation and imports apart\n")
    for name, row in found.items():
        print(f"  {name:<52}{row['cpu']:>10.2f} s of CPU{row['wall']:>10.2f} s by the clock")
    return found


def large_ensemble(trajectories: int = 10**6, steps: int = 10**4) -> dict[str, float]:
    """A million trajectories of the LQ-GAN SDE over ten thousand steps: time and peak memory."""
    row = in_a_process(LARGE.format(trajectories=trajectories, steps=steps))
    print(f"\nLQ-GAN SDE, {trajectories:,} trajectories x {steps:,} steps, moments at 11 checkpoints\n")
    print(f"  {row['cpu']:.0f} s of CPU, {row['wall']:.0f} s by the clock, {row['bytes'] / 2**20:.0f} MiB at the peak")
    return row
