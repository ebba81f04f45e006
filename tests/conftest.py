"""Settings of every test: no window system, one core a process, kernels kept, property tests with the same examples."""

import os
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
for library in ("OMP", "OPENBLAS", "MKL"):
    # tests run in several processes, whose linear algebra would wait for each other's threads
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
os.environ.setdefault("GAN_SDE_CACHE", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "kernels"))
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
