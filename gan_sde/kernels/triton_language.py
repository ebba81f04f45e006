"""Triton's language where it is installed; without it the modules of device functions stay importable."""

from __future__ import annotations

try:
    import triton.language as tl
    from triton import jit
except ImportError:
    tl = None

    def jit(function):
        """Leave the function alone: without Triton nobody calls it."""
        return function
