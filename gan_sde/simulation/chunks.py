"""Chunks: the pieces in which ensembles are run, stored and sent to other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice, tee
from math import ceil

from gan_sde.simulation.ensemble import make_stepper, run_blocks
from gan_sde.simulation.parts import Part
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.results import BLOCK, Result
from gan_sde.simulation.store import Store

CHUNK = 16
"""Blocks in a chunk: what a store keeps in one file and a cluster computes in one task."""

Progress = Callable[[int], None]
"""Is told of every number of trajectories that is done."""
Runner = Callable[[Iterable["Chunk"], Progress], Iterator[Part]]
"""Runs chunks and yields what each left behind, in the same order."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Trajectories ``first`` to ``stop - 1`` of a simulation, a whole number of blocks but for the last."""

    plan: Plan
    first: int
    stop: int

    @property
    def blocks(self) -> Iterator[tuple[int, int]]:
        """The blocks ``[first, stop)`` of the chunk."""
        return ((first, min(first + BLOCK, self.stop)) for first in range(self.first, self.stop, BLOCK))


def chunks_of(plan: Plan) -> Iterator[Chunk]:
    """All chunks of a simulation, in order."""
    size = CHUNK * BLOCK
    return (Chunk(plan, first, min(first + size, plan.trajectories)) for first in range(0, plan.trajectories, size))


def run_here(chunks: Iterable[Chunk], progress: Progress) -> Iterator[Part]:
    """Run chunks on the threads of this process."""
    for _, group in groupby(chunks, key=lambda chunk: id(chunk.plan)):
        own, ahead = tee(group)
        blocks = None
        for chunk in own:
            if blocks is None:
                # one stream of blocks over all chunks, so that no thread waits for the end of a chunk
                ranges = chain.from_iterable(piece.blocks for piece in chain((chunk,), islice(ahead, 1, None)))
                blocks = run_blocks(chunk.plan, make_stepper(chunk.plan), ranges, progress=progress)
            parts = (Part.of_block(first, next(blocks)) for first, _ in chunk.blocks)
            yield Part.joined(parts)


def run_all(jobs: Sequence[tuple[Plan, Store | None]], run: Runner, progress: Progress) -> Iterator[Result]:
    """Run simulations one after the other: what their stores hold is loaded, all else is run and stored.

    Yields the merged result of each. The runner sees the missing chunks of all simulations as one stream.
    """
    listed, ahead = tee(
        (chunk, number, store, store is not None and store.holds(number))
        for plan, store in jobs
        for number, chunk in enumerate(chunks_of(plan))
    )
    results = run((chunk for chunk, _, _, held in ahead if not held), progress)

    def finished(count: int) -> Iterator[Part]:
        for chunk, number, store, held in islice(listed, count):
            part = store.load(number) if held and store is not None else next(results)
            if part is None:
                raise OSError(f"store: chunk {number} was damaged while the run went on")
            if held:
                progress(chunk.stop - chunk.first)
            elif store is not None:
                store.save(number, part)
            yield part

    for plan, _ in jobs:
        yield Part.joined(finished(ceil(plan.trajectories / (CHUNK * BLOCK)))).total()
