"""Chunks of simulations run by the workers of a dask cluster.

Every number depends on the seed and on the numbers of trajectory and step alone, so it does not matter which worker
runs a chunk, or how often: a chunk whose worker is lost is run again elsewhere, and gives the same bits. (Bits agree
between machines of one architecture and the same versions, which is checked.)
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from platform import machine, python_version
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.block import run_block
from gan_sde.simulation.chunks import Chunk, Progress, Runner
from gan_sde.simulation.dataset import installed_version
from gan_sde.simulation.ensemble import make_stepper
from gan_sde.simulation.parts import Part
from gan_sde.simulation.plan import Plan

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 10.0
"""Seconds to wait for the scheduler."""
FIRST_WORKER = 60.0
"""Seconds to wait for its first worker: batch systems start them one by one."""
_DECIDING = ("gan-sde", "numba", "numpy", "llvmlite")
_unpacking = Lock()


@contextmanager
def cluster(address: Any) -> Iterator[Runner]:
    """Runner on the cluster whose scheduler listens at ``address``.

    Parameters
    ----------
    address
        Of a running ``dask scheduler``, as ``tcp://host:port``.

    Raises
    ------
    ValueError
        If the extra ``cluster`` is not installed or ``address`` is not that of a scheduler.
    TimeoutError
        If the scheduler has no worker.
    """
    client = _connected(address)
    try:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError as error:
            waited = f"got none in {FIRST_WORKER:g} s"
            raise TimeoutError(f"scheduler: expected at least one worker at {address}, {waited}") from error
        yield partial(_run, client)
    finally:
        client.close(timeout=5)


def _connected(address: Any) -> Client:
    if not isinstance(address, str) or not address.strip():
        raise ValueError(f"scheduler: expected the address of a dask scheduler, tcp://host:port, got {address!r}")
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            "scheduler: expected dask.distributed to be installed (pip install 'gan-sde[cluster]'), got none"
        ) from error
    client = Client.__new__(Client)
    try:
        client.__init__(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        # a client that never connected would wait for the scheduler once more when it is deleted
        client.status = "closed"
        raise ValueError(
            f"scheduler: expected the address of a running dask scheduler, tcp://host:port, got {address!r}"
        ) from error
    return client


def _run(client: Client, chunks: Iterable[Chunk], progress: Progress) -> Iterator[Part]:
    """Results in the order of the chunks, a few of which are under way at any time."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    waiting: deque[Future] = deque()
    packed: dict[int, bytes] = {}
    versions, stream = _versions(), iter(chunks)
    try:
        while True:
            # two chunks for each thread keep the workers busy, and bound what has to be held here
            while len(waiting) < 2 * max(1, sum(client.nthreads().values())):
                chunk = next(stream, None)
                if chunk is None:
                    break
                plan = chunk.plan
                if id(plan) not in packed:
                    packed = {id(plan): _packed(plan)}
                starts = None if len(plan.x0) == 1 else plan.x0[chunk.first : chunk.stop]
                waiting.append(
                    client.submit(_run_chunk, packed[id(plan)], starts, chunk.first, chunk.stop, versions, pure=False)
                )
            if not waiting:
                return
            part = waiting.popleft().result()
            progress(len(part.rows["diverged"]))
            yield part
    except KilledWorker as error:
        raise OSError(f"scheduler: a chunk was given up, since every worker that ran it was lost ({error})") from error
    except (CancelledError, CommClosedError) as error:
        raise OSError("scheduler: lost the connection; what was finished is in the store, if there is one") from error
    finally:
        for future in waiting:
            future.cancel()


def _packed(plan: Plan) -> bytes:
    """The plan but for the starts; classes of a script or notebook travel by value."""
    import cloudpickle

    return zlib.compress(cloudpickle.dumps(replace(plan, x0=plan.x0[:1])), level=1)


def _run_chunk(content: bytes, starts: np.ndarray | None, first: int, stop: int, versions: dict[str, str]) -> Part:
    """One chunk, on a worker; one thread each, as a worker has as many chunks as threads."""
    if versions != (own := _versions()):
        named = next(name for name in versions if versions[name] != own.get(name))
        raise RuntimeError(f"scheduler: expected workers with {named} {versions[named]}, got one with {own.get(named)}")
    with _unpacking:
        whole, stepper = _unpacked(content)
    plan = whole if starts is None else replace(whole, x0=starts, first_start=first)
    return Part.joined(Part.of_block(a, run_block(plan, stepper, a, b)) for a, b in Chunk(plan, first, stop).blocks)


@lru_cache(maxsize=16)
def _unpacked(content: bytes) -> tuple[Plan, AbstractStepper]:
    import cloudpickle

    plan: Plan = cloudpickle.loads(zlib.decompress(content))
    return plan, make_stepper(plan)


def _versions() -> dict[str, str]:
    """What decides the bits besides the plan."""
    return {"python": python_version(), "machine": machine()} | {name: installed_version(name) for name in _DECIDING}
