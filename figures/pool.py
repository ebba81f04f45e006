"""Claims run one after the other, or several at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from time import perf_counter

from matplotlib.figure import Figure

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
    except Exception as caught:
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
        Processes at a time; 1 runs them here, in order.
    """
    if min(jobs, len(claims)) <= 1:
        yield from ((number, run_claim(claim, settings)) for number, claim in enumerate(claims))
        return
    with _threads(max(1, (os.cpu_count() or 1) // jobs)):
        # a fresh interpreter: threads of the libraries do not survive a fork
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(jobs, len(claims)), context, initializer=_leave_interrupts_to_the_parent)
        try:
            waiting = {pool.submit(_run_named, c.name, settings): number for number, c in enumerate(claims)}
            for future in as_completed(waiting):
                error = future.exception()
                yield waiting[future], future.result() if error is None else Finished(None, None, _one_line(error), 0.0)
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run_named(name: str, settings: Settings) -> Finished:
    finished = run_claim(catalogue.claims()[name], settings)
    # the picture is drawn: the figure itself need not travel
    outcome = finished.outcome and replace(finished.outcome, figure=Figure())
    return replace(finished, outcome=outcome)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
