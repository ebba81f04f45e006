"""Where compiled kernels are kept between runs.

A kernel's text is written to a file named by its hash, and numba keeps the machine code beside it. The hash covers the
text and every module that the text calls, so that no kernel outlives what it was compiled from; numba itself tells
processors and versions apart. Set ``GAN_SDE_CACHE`` to another folder, or to ``off``; where nothing can be written,
kernels are compiled anew, about a second each.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import numba

VARIABLE = "GAN_SDE_CACHE"
CALLED = ("cpu", "elementary", "normals", "panel_product", "philox", "vectors")
"""Modules whose functions, and options of compilation, end up in a kernel."""
NO = ("off", "0", "no", "none", "false")
"""Values of the variable that mean no cache."""
MOST = 1000
"""Kernels that are kept; a new one then takes the place of the one that was written first."""


def kernel_file(source: str, kind: str) -> Path | None:
    """File that holds a kernel's text, written if it is not there; None where there is no cache.

    Parameters
    ----------
    source
        The text.
    kind
        What else decides the machine code, e.g. the type of its numbers.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        name = hashlib.sha256("\0".join([source, kind, _foundations()]).encode()).hexdigest()[:32]
        path = folder / f"kernel_{name}.py"
        # the file must keep its age: numba takes a newer one for another text
        if not path.exists():
            _make_room(folder)
            _write(path, source)
        return path if path.read_text(encoding="utf-8") == source else None
    except (OSError, UnicodeDecodeError):
        return None


def remove_kernel(path: Path) -> None:
    """Remove a kernel's text and its machine code, as far as that is possible."""
    for part in (path, *path.parent.glob(f"__pycache__/{path.stem}.*")):
        with suppress(OSError):
            part.unlink(missing_ok=True)


@cache
def _folder() -> Path | None:
    """The folder, made if need be and writable; None if there is to be none."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen.lower() in NO:
        return None
    try:
        folder = Path(chosen).expanduser() if chosen else _user_folder() / "gan_sde" / "kernels"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None


def _user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def _foundations() -> str:
    """Hash of `CALLED` and of numba's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for name in CALLED:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _make_room(folder: Path) -> None:
    texts = sorted(folder.glob("kernel_*.py"), key=lambda path: path.stat().st_mtime)
    for path in texts[: max(0, len(texts) - MOST + 1)]:
        remove_kernel(path)


def _write(path: Path, source: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(source)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
