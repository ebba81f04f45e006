"""One writer a store: a lock that the system drops when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from errno import EACCES, EAGAIN
from pathlib import Path

LOCK = "lock"


class StoreLock:
    """The right of this process to write into a folder of chunks.

    The file stays where it is after a kill, the lock on it does not. It is a lock of the whole process: whoever
    interrupts a run in a notebook may resume it there, though objects of the first run are still alive.

    Parameters
    ----------
    folder
        Of the chunks; it exists.

    Raises
    ------
    ValueError
        If another process writes there; the message names it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: int | None = None
        while self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _acquire(file, folder)
                os.ftruncate(file, 0)
                os.pwrite(file, str(os.getpid()).encode(), 0)
                # a run that has just ended removes the file: then this one is of no folder
                self._file = file if _is_at(file, self._path) else None
            finally:
                if self._file is None:
                    os.close(file)

    def release(self) -> None:
        """Let others write; a second time does nothing."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)  # as long as it is ours: who opened it meanwhile looks for it anew
            os.close(self._file)
            self._file = None


def refuse_running(folder: Path) -> None:
    """Raise ValueError if another process writes into a folder of chunks; it need not exist."""
    if (folder / LOCK).exists():
        StoreLock(folder).release()


def _acquire(file: int, folder: Path) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (EACCES, EAGAIN):
            return  # a file system without locks: as good as it gets
        owner = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise ValueError(
            f"store: expected a store that no other run is writing, got one in use by process {owner}, "
            f"at {folder.with_suffix('')}"
        ) from None


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
