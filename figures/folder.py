"""A folder whose files appear only when all of them are complete."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any


class Folder:
    """Collects files beside their place and moves them there at the end; after an exception, moves none.

    Parameters
    ----------
    path
        The folder; made, with its parents, if it is not there. Other files in it are left alone.

    Raises
    ------
    ValueError
        On entry, if the folder cannot be made or written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._made: list[Path] = []
        self._names: list[str] = []
        self._waiting = Path()

    def __enter__(self) -> Folder:
        self._made = [p for p in (self._path, *self._path.parents) if not p.exists()]
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            # inside the folder, so that the final move never crosses file systems
            self._waiting = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self._path))
        except OSError as error:
            self._unmake()
            reason = error.strerror or str(error)
            raise ValueError(
                f"out: expected a folder that can be written, got {str(self._path)!r} ({reason})"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for name in self._names:
                    os.replace(self._waiting / name, self._path / name)
        finally:
            shutil.rmtree(self._waiting, ignore_errors=True)
            if kind is not None:
                self._unmake()

    def write(self, name: str, content: bytes) -> None:
        """Add a file; a name that comes again replaces what it held."""
        (self._waiting / name).write_bytes(content)
        self._names = [*(n for n in self._names if n != name), name]

    def write_json(self, name: str, content: Any) -> None:
        """Add a file of strict JSON; numbers that JSON does not have are written as text, "inf" or "nan"."""
        text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
        self.write(name, text.encode() + b"\n")

    def images(self) -> dict[str, bytes]:
        """Content of the PNG files added so far, by name."""
        return {n: (self._waiting / n).read_bytes() for n in self._names if n.endswith(".png")}

    def _unmake(self) -> None:
        """Remove the folders that were made for nothing."""
        for path in self._made:
            try:
                path.rmdir()
            except OSError:
                return


def _plain(value: Any) -> Any:
    """Numbers of Python for numbers of numpy, and text for those that are not finite."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
