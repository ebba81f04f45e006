"""A store on disk: finished chunks survive a kill, and a finished store is an ordinary zarr group.

While a run goes on, its chunks lie in ``NAME.partial`` beside the store, each written under a temporary name and then
renamed; the manifest there says which simulation they belong to. The store itself appears, whole, at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gan_sde.simulation.ensemble import Result
from gan_sde.simulation.statistics import Moments


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
        If a store exists and ``resume`` is not set, or it was made by another simulation.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str, *, resume: bool) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        occupied = self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir()))
        if not resume and (occupied or self.partial.exists()):
            found = self.path if occupied else self.partial
            raise ValueError(f"store: expected a path that is not taken, or resume=True; got {found}")
        self.finished = occupied
        if self.finished:
            found = xr.open_zarr(self.path, consolidated=False).attrs.get("recipe")
            self._refuse_other(found, fingerprint)
            return
        manifest = self.partial / "manifest.json"
        if manifest.exists():
            self._refuse_other(json.loads(manifest.read_text()).get("recipe"), fingerprint)
        else:
            self.partial.mkdir(parents=True, exist_ok=True)
            _write(manifest, json.dumps({"recipe": fingerprint}).encode())

    def _refuse_other(self, found: Any, fingerprint: str) -> None:
        if found != fingerprint:
            raise ValueError(
                f"store: expected a store of this very simulation ({fingerprint[:12]}), got another one's "
                f"({str(found)[:12]}) at {self.path}"
            )

    def dataset(self) -> xr.Dataset:
        """Load the finished store into memory."""
        with xr.open_zarr(self.path, consolidated=False) as data:
            return data.load()

    def load(self, chunk: int) -> Result | None:
        """Return a chunk that was finished earlier; None if it is missing or damaged."""
        try:
            # a handle of our own: numpy leaves its own open where the file is damaged
            with open(self._file(chunk), "rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            return None
        moments = None
        if "count" in found:
            moments = Moments(found["count"], found["mean"], found["squares"])
        return Result(moments, found.get("final"), found.get("path"), found["diverged"])

    def save(self, chunk: int, result: Result) -> None:
        """Write a finished chunk; it appears whole or not at all."""
        arrays = {"diverged": result.diverged}
        if result.moments is not None:
            m = result.moments
            arrays |= {"count": m.count, "mean": m.mean, "squares": m.squares}
        if result.final is not None:
            arrays["final"] = result.final
        if result.path is not None:
            arrays["path"] = result.path
        temporary = self._file(chunk).with_suffix(".tmp")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **arrays)
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
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(self.partial, ignore_errors=True)

    def _file(self, chunk: int) -> Path:
        return self.partial / f"chunk-{chunk:06d}.npz"


def remove_store(path: str | os.PathLike[str]) -> None:
    """Remove a store and the chunks of an unfinished run."""
    for folder in (Path(path), Path(path).with_name(Path(path).name + ".partial")):
        if folder.is_dir():
            shutil.rmtree(folder)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
