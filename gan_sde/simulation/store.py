"""A store on disk: finished chunks survive a kill, and a finished store is an ordinary zarr group.

While a run goes on, its chunks lie in ``NAME.partial`` beside the store, each written under a temporary name and then
renamed; the manifest there says which simulation they belong to and how long they took. One process at a time writes
there. The store itself appears, whole, at the end.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from gan_sde.simulation.parts import Part
from gan_sde.simulation.store_lock import LOCK, StoreLock
from gan_sde.symbolic.validation import shown

MANIFEST = "manifest.json"


class Store:
    """Chunks of one simulation on disk.

    Parameters
    ----------
    path
        Folder of the finished store.
    fingerprint
        Hash of the simulation.
    resume
        Go on from what is there, if it belongs to the same simulation.

    Attributes
    ----------
    finished
        Whether the whole store is there.
    earlier
        Seconds that the chunks of earlier sessions took, up to the last that was written.

    Raises
    ------
    ValueError
        If a store exists and ``resume`` is not set, if it was made by another simulation or is no store at all, if
        another process is writing it, or if ``path`` names no folder that can be made.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str, *, resume: bool) -> None:
        self.path, self.partial = _paths(path)
        if not self.path.parent.exists():
            raise ValueError(f"store: expected a path in an existing folder, got {str(self.path)!r}")
        if not resume and (self._is_there() or self.partial.exists()):
            found = self.path if self._is_there() else self.partial
            raise ValueError(f"store: expected a path that is not taken, or resume=True; got {found}")
        self._lock: StoreLock | None = None
        self._fingerprint, self.earlier, self._since = fingerprint, 0.0, math.nan
        if not self._is_there():
            self._begin()
        self.finished = self._is_there()  # perhaps by now: another run may have ended while this one began
        if self.finished:
            self.release()
            self._refuse_other(_finished_recipe(self.path))
            _remove_chunks(self.partial)  # a kill may have come between the last write and their removal
        self._spent = self.earlier

    def _is_there(self) -> bool:
        return self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))

    def _begin(self) -> None:
        """Take the folder of chunks for this process, and go on with what is in it."""
        if not _is_blank(self.partial):
            self._refuse_other(_manifest(self.partial)["recipe"])
        try:
            self.partial.mkdir(exist_ok=True)
            self._lock = StoreLock(self.partial)
        except FileNotFoundError as error:  # some file systems say so of folders in which nothing can be made
            where = str(self.path.parent)
            raise ValueError(
                f"store: expected a folder in which a run can be kept, got {where!r}: {error.strerror}"
            ) from error
        if _is_blank(self.partial):
            self._write_manifest({})
        else:
            self.earlier = _elapsed(_manifest(self.partial))

    def release(self) -> None:
        """Let other processes go on with the chunks."""
        if self._lock is not None:
            self._lock.release()

    def _refuse_other(self, found: str) -> None:
        if found != self._fingerprint:
            raise ValueError(
                f"store: expected a store of this very simulation ({self._fingerprint[:12]}), got another one's "
                f"({found[:12]}) at {self.path}"
            )

    def dataset(self) -> xr.Dataset:
        """Load the finished store into memory."""
        with xr.open_zarr(self.path, consolidated=False) as data:
            return data.load()

    def holds(self, chunk: int) -> bool:
        """Tell whether a chunk was finished earlier and is whole."""
        return self.load(chunk) is not None

    def load(self, chunk: int) -> Part | None:
        """Return a chunk that was finished earlier; None if it is missing or damaged."""
        if math.isnan(self._since):  # a sweep opens the stores of all points long before it comes to the last
            self._since = time.perf_counter()
        try:
            # a handle of our own: numpy leaves its own open where the file is damaged
            with open(self._file(chunk), "rb") as file, np.load(file, allow_pickle=False) as arrays:
                return Part.from_arrays(dict(arrays))
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            return None

    def save(self, chunk: int, part: Part) -> None:
        """Write a finished chunk; it appears whole or not at all."""
        temporary = _temporary(self._file(chunk))
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **part.arrays())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file(chunk))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        now = time.perf_counter()
        self._spent += 0.0 if math.isnan(self._since) else now - self._since
        self._since = now
        self._write_manifest({"elapsed_seconds": self._spent})

    def _write_manifest(self, more: dict[str, float]) -> None:
        _write(self.partial / MANIFEST, json.dumps({"recipe": self._fingerprint, **more}).encode())

    def finish(self, data: xr.Dataset) -> None:
        """Write the finished data set and remove the chunks."""
        temporary = self.path.with_name(self.path.name + ".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            with warnings.catch_warnings():
                # zarr remarks that its format 3 has no word on it; without it xarray remarks at every reading
                warnings.filterwarnings("ignore", ".*Consolidated metadata.*")
                data.to_zarr(temporary, consolidated=True)
            if self.path.is_dir():
                self.path.rmdir()  # an empty folder may stand there
            os.replace(temporary, self.path)
        except BaseException:
            _remove_unfinished(temporary)
            raise
        shutil.rmtree(self.partial, ignore_errors=True)
        self.release()

    def _file(self, chunk: int) -> Path:
        return self.partial / f"chunk-{chunk:06d}.npz"


def remove_store(path: str | os.PathLike[str]) -> None:
    """Remove a store and the chunks of an unfinished run; ValueError if something else stands there."""
    folder, partial = _paths(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        _finished_recipe(folder)
    if partial.exists() and not partial.is_dir():
        raise ValueError(f"store: expected a folder of chunks, got a file at {partial}")
    # a manifest that is broken is one of ours all the same
    if not _is_blank(partial) and not (partial / MANIFEST).exists():
        raise ValueError(f"store: expected chunks of an unfinished run, got a folder of other things at {partial}")
    for found in (folder, partial):
        if found.is_dir():
            shutil.rmtree(found)


def _remove_chunks(partial: Path) -> None:
    """Remove the folder of chunks of a run that has finished; one that holds anything else is left alone."""
    own = (MANIFEST, _temporary(Path(MANIFEST)).name, LOCK)
    if partial.is_dir() and all(p.name in own or p.match("chunk-*.*") for p in partial.iterdir()):
        shutil.rmtree(partial, ignore_errors=True)


def _remove_unfinished(folder: Path) -> None:
    """Remove what a failed write left; zarr's other writes may still be under way and make folders anew."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)
        if not folder.exists():
            return


def _paths(path: Any) -> tuple[Path, Path]:
    """Folder of the finished store and of the chunks of an unfinished one."""
    try:
        folder = Path(path)
    except TypeError as error:
        raise ValueError(f"store: expected the path of a folder, got {shown(path)}") from error
    if folder.name in ("", "..") or "\0" in str(folder):
        raise ValueError(f"store: expected the path of a folder with a name of its own, got {shown(path)}")
    return folder, folder.with_name(folder.name + ".partial")


def _is_blank(partial: Path) -> bool:
    """Whether no run has begun here; a kill may have left the manifest half written."""
    if not partial.exists():
        return True
    return partial.is_dir() and {p.name for p in partial.iterdir()} <= {_temporary(Path(MANIFEST)).name, LOCK}


def _finished_recipe(path: Path) -> str:
    """Fingerprint of the simulation that a finished store holds."""
    if not path.is_dir():
        raise ValueError(f"store: expected a folder, got a file at {path}")
    try:
        found = zarr.open_group(path, mode="r").attrs.get("recipe")
    except PermissionError:
        raise
    except Exception:  # zarr has no one error for what is no group
        found = None
    if not isinstance(found, str):
        raise ValueError(f"store: expected the store of a simulation, got a folder of other things at {path}")
    return found


def _manifest(partial: Path) -> dict[str, Any]:
    """Manifest of the chunks of an unfinished run; ``recipe`` is the fingerprint of the simulation."""
    if not partial.is_dir():
        raise ValueError(f"store: expected a folder of chunks, got a file at {partial}")
    manifest = partial / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"store: expected chunks of an unfinished run, got a folder of other things at {partial}")
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), str):
        raise ValueError(f"store: expected a manifest that names the simulation, got a broken one at {manifest}")
    return content


def _elapsed(manifest: dict[str, Any]) -> float:
    """Seconds that the chunks took; 0 where an older version did not note them."""
    seconds = manifest.get("elapsed_seconds")
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < math.inf
    return float(seconds) if known else 0.0


def _write(path: Path, content: bytes) -> None:
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> Path:
    return path.with_suffix(".tmp")
