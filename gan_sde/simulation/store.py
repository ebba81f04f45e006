"""A store on disk: finished chunks survive a kill, and a finished store is an ordinary zarr group.

While a run goes on, its chunks lie in ``NAME.partial`` beside the store, each written under a temporary name and then
renamed; the manifest there says which simulation they belong to. The store itself appears, whole, at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from gan_sde.simulation.parts import Part
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

    Raises
    ------
    ValueError
        If a store exists and ``resume`` is not set, if it was made by another simulation or is no store at all, or if
        ``path`` names no folder.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str, *, resume: bool) -> None:
        self.path, self.partial = _paths(path)
        occupied = self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))
        if not resume and (occupied or self.partial.exists()):
            found = self.path if occupied else self.partial
            raise ValueError(f"store: expected a path that is not taken, or resume=True; got {found}")
        self.finished = occupied
        if self.finished:
            self._refuse_other(_finished_recipe(self.path), fingerprint)
            _remove_chunks(self.partial)  # a kill may have come between the last write and their removal
        elif _is_blank(self.partial):
            self.partial.mkdir(parents=True, exist_ok=True)
            _write(self.partial / MANIFEST, json.dumps({"recipe": fingerprint}).encode())
        else:
            self._refuse_other(_partial_recipe(self.partial), fingerprint)

    def _refuse_other(self, found: str, fingerprint: str) -> None:
        if found != fingerprint:
            raise ValueError(
                f"store: expected a store of this very simulation ({fingerprint[:12]}), got another one's "
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

    def finish(self, data: xr.Dataset) -> None:
        """Write the finished data set and remove the chunks."""
        temporary = self.path.with_name(self.path.name + ".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            data.to_zarr(temporary, consolidated=False)
            if self.path.is_dir():
                self.path.rmdir()  # an empty folder may stand there
            os.replace(temporary, self.path)
        except BaseException:
            _remove_unfinished(temporary)
            raise
        shutil.rmtree(self.partial, ignore_errors=True)

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
    if partial.is_dir() and all(p.name == MANIFEST or p.match("chunk-*.*") for p in partial.iterdir()):
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
    return partial.is_dir() and {p.name for p in partial.iterdir()} <= {_temporary(Path(MANIFEST)).name}


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


def _partial_recipe(partial: Path) -> str:
    """Fingerprint of the simulation that the chunks of an unfinished run belong to."""
    if not partial.is_dir():
        raise ValueError(f"store: expected a folder of chunks, got a file at {partial}")
    manifest = partial / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"store: expected chunks of an unfinished run, got a folder of other things at {partial}")
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        content = None
    found = content.get("recipe") if isinstance(content, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"store: expected a manifest that names the simulation, got a broken one at {manifest}")
    return found


def _write(path: Path, content: bytes) -> None:
    temporary = _temporary(path)
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _temporary(path: Path) -> Path:
    return path.with_suffix(".tmp")
