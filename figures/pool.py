"""Claims run one after the other, or several at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from time import perf_counter

from matplotlib.figure import Figure
from tqdm import tqdm

from figures import catalogue
from figures.registry import Claim, Outcome, Settings
from figures.style import style

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What the libraries below read their number of threads from."""


@dataclass(frozen=True)
class Finished:
    """What the run of a claim left.

    Parameters
    ----------
    outcome
        None if it raised.
    image
        Its figure as PNG, or None.
    error
        The exception as one line, or empty.
    seconds
        Wall time.
    """

    outcome: Outcome | None
    image: bytes | None
    error: str
    seconds: float


def run_claim(claim: Claim, settings: Settings) -> Finished:
    """Run a claim and draw its figure; whatever goes wrong inside it is its own failure."""
    began, outcome, image, error = perf_counter(), None, None, ""
    try:
        with style():
            outcome = claim.run(settings)
            image = _png(outcome.figure)
    except (Exception, SystemExit) as caught:
        image, error = None, _one_line(caught)
    return Finished(outcome, image, error, perf_counter() - began)


def run_claims(claims: Sequence[Claim], settings: Settings, jobs: int) -> Iterator[tuple[int, Finished]]:
    """Run claims, with their numbers as they end.

    Parameters
    ----------
    claims
        Those of the catalogue, if there are several jobs.
    settings
        For all of them.
    jobs
        Processes at a time; 1 runs them here, in order. A process that dies (of memory, say) takes no other claim with
        it: those that were under way are run again, each alone.
    """
    if min(jobs, len(claims)) <= 1:
        yield from ((number, run_claim(claim, settings)) for number, claim in enumerate(claims))
        return
    with _threads(max(1, (os.cpu_count() or 1) // jobs)), _terminated_as_interrupted():
        again = []
        for number, finished in _in_processes(dict(enumerate(claims)), settings, min(jobs, len(claims))):
            if finished is None:
                again.append(number)
            else:
                yield number, finished
        for number in sorted(again):
            for _, finished in _in_processes({number: claims[number]}, settings, 1):
                yield number, finished or Finished(None, None, "the process that ran it died", 0.0)


def _in_processes(claims: Mapping[int, Claim], settings: Settings, jobs: int) -> Iterator[tuple[int, Finished | None]]:
    """Run claims in a pool; None for those that it did not finish."""
    # a fresh interpreter: threads of the libraries do not survive a fork
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin_worker)
    try:
        with _interrupts_blocked():  # the processes inherit that, so that an interrupt is the parent's alone
            waiting = {pool.submit(_run_named, claim.name, settings): number for number, claim in claims.items()}
        for future in as_completed(waiting):
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                yield waiting[future], None
            elif error is not None:
                yield waiting[future], Finished(None, None, _one_line(error), 0.0)
            else:
                yield waiting[future], future.result()
    except BaseException:
        for process in set(multiprocessing.active_children()) - set(others):
            process.terminate()
        raise
    finally:
        # waits for processes that end by themselves or were just terminated
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let a termination end as an interrupt does: the processes first, and nothing half-written left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt("terminated")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_named(name: str, settings: Settings) -> Finished:
    finished = run_claim(catalogue.claims()[name], settings)
    # the picture is drawn: the figure itself need not travel
    outcome = finished.outcome and replace(finished.outcome, figure=Figure())
    return replace(finished, outcome=outcome)


def _begin_worker() -> None:
    """Interrupts are the parent's; and progress bars share nothing between processes that may be terminated."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A parent that was killed cannot end its processes: they see it go."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let processes that start now take so many threads, unless the caller has said otherwise."""
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(count)))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
