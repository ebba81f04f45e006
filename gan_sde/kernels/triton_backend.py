"""Whether a GPU can be used here, found out without loading Triton or torch where the answer is no."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

_DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What the drivers of NVIDIA, AMD and the Windows subsystem for Linux put there."""


def is_interpreted() -> bool:
    """Whether Triton was told to run its kernels on the CPU, by its interpreter."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "on", "true", "y", "yes")


def gpu_problem() -> str | None:
    """Why no kernel can run on a GPU, in the words of an error message; None if one can.

    Examples
    --------
    >>> gpu_problem() in (None, "a CUDA device, got none", "the extra gan-sde[gpu], got no module triton")
    True
    """
    if find_spec("triton") is None:
        return "the extra gan-sde[gpu], got no module triton"
    if is_interpreted():
        return None
    import torch

    return None if torch.cuda.is_available() else "a CUDA device, got none"


def chosen_backend(backend: str) -> str:
    """The backend that a run takes.

    Parameters
    ----------
    backend
        ``"auto"``: the GPU if one is there and Triton is installed, else the CPU. All else stays what it is.

    Raises
    ------
    ValueError
        If ``"gpu"`` is asked for and cannot be had; the message says what is missing.

    Examples
    --------
    >>> chosen_backend("reference")
    'reference'
    """
    if backend == "auto":
        # The files spare a machine without a driver the loading of torch.
        there = any(Path(file).exists() for file in _DEVICE_FILES) and not is_interpreted()
        return "gpu" if there and gpu_problem() is None else "cpu"
    if backend == "gpu":
        problem = gpu_problem()
        if problem is not None:
            raise ValueError(f"backend: expected {problem}")
    return backend
