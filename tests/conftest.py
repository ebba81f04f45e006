"""Settings of every test: no window system, kernels kept between runs, property tests with the same examples."""

import os
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GAN_SDE_CACHE", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "kernels"))
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
