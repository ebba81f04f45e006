"""``ceiling.c``, compiled when it is first asked for."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from gan_sde.kernels.batch_statistics import chi_square_polynomial

FLAGS = (
    "-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=fast", "-fno-math-errno",
    "-fno-trapping-math", "-shared", "-fPIC",
)  # fmt: skip
START = (0.5, 0.1, 1.0, 0.2)
MU, SIGMA = 0.5, 1.0


@cache
def library() -> ctypes.CDLL:
    """The compiled file; RuntimeError where there is no gcc or no AVX-512."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("no gcc found")
    folder = Path(tempfile.mkdtemp(prefix="gan_sde_ceiling_"))
    try:
        target = folder / "ceiling.so"
        source = Path(__file__).with_name("ceiling.c")
        done = subprocess.run([compiler, *FLAGS, source, "-o", target], capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or ["gcc failed"]
            raise RuntimeError(errors[0].split("error: ")[-1])
        return ctypes.CDLL(str(target))
    finally:
        shutil.rmtree(folder)


def moments(
    name: str, trajectories: int, steps: int, every: int, *, lr: float, batch_size: int, seed: int = 1,
    start: tuple[float, ...] = START,
) -> np.ndarray:  # fmt: skip
    """Means and mean squares ``(checkpoints, 8)`` of w2, w1, a, b by one of the functions of ``ceiling.c``.

    Parameters
    ----------
    name
        ``sde_float64``, ``sde_float32`` or ``training_float64``.
    trajectories, steps
        A multiple of 16, and of ``every``.
    """
    sums, point = np.zeros((steps // every + 1, 8)), np.array(start, dtype=float)
    counts = [ctypes.c_int64(n) for n in (trajectories, steps, every)]
    numbers = [ctypes.c_double(x) for x in (lr, batch_size, MU, SIGMA)]
    extra: list[object] = []
    if name.startswith("training"):
        polynomial = np.array(chi_square_polynomial(batch_size - 1))
        extra = [_pointer(polynomial), ctypes.c_int(len(polynomial))]
    function = getattr(library(), name)
    function(*counts, ctypes.c_uint64(seed), _pointer(point), *numbers, *extra, _pointer(sums))
    return sums / trajectories


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)
