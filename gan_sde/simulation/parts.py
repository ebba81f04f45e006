"""Parts of an ensemble, and how they are merged: the result has the same bits however the blocks were grouped.

Floating-point sums depend on the order of the additions. Blocks are numbered, and summaries are merged along one
binary tree over these numbers: a node of 2^k blocks begins at a multiple of 2^k and is made of its two halves, never
otherwise. A part, any run of consecutive blocks, keeps the largest nodes that fit into it (for an aligned chunk of 2^k
blocks just one), so that threads, chunks, workers and resumed runs all build the same tree. Merging by a tree also
rounds less than merging in a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_sde.simulation.results import BLOCK, ROWS, SUMMARIES, Result


@dataclass(frozen=True, eq=False)
class Node:
    """Summaries of ``blocks`` blocks, a power of two, from block number ``first``, a multiple of it."""

    first: int
    blocks: int
    summaries: dict[str, Any]

    def is_left_of(self, other: Node) -> bool:
        """Whether the two are the halves of one node."""
        adjacent = other.first == self.first + self.blocks
        return adjacent and self.blocks == other.blocks and self.first % (2 * self.blocks) == 0

    def with_right(self, other: Node) -> Node:
        """The node that the two are the halves of; takes this one's summaries over."""
        for name, summary in self.summaries.items():
            summary.merge(other.summaries[name])
        return Node(self.first, 2 * self.blocks, self.summaries)


@dataclass(frozen=True, eq=False)
class Part:
    """What a run of consecutive blocks left behind.

    Attributes
    ----------
    rows
        Arrays with one row a trajectory, by name.
    nodes
        Summaries, as few nodes as the blocks make.
    """

    rows: dict[str, np.ndarray]
    nodes: tuple[Node, ...]

    @classmethod
    def of_block(cls, first: int, result: Result) -> Part:
        """Part of the one block that begins at trajectory ``first``."""
        rows = {name: array for name in ROWS if (array := getattr(result, name)) is not None}
        summaries = {name: found for name in SUMMARIES if (found := getattr(result, name)) is not None}
        return cls(rows, (Node(first // BLOCK, 1, summaries),))

    @classmethod
    def joined(cls, parts: Iterable[Part]) -> Part:
        """Join consecutive parts, in order; takes their summaries over."""
        rows: dict[str, list[np.ndarray]] = {}
        nodes: list[Node] = []
        for part in parts:
            for name, array in part.rows.items():
                rows.setdefault(name, []).append(array)
            for node in part.nodes:
                nodes.append(node)
                while len(nodes) > 1 and nodes[-2].is_left_of(nodes[-1]):
                    right = nodes.pop()
                    nodes.append(nodes.pop().with_right(right))
        return cls({name: np.concatenate(arrays) for name, arrays in rows.items()}, tuple(nodes))

    def total(self) -> Result:
        """The result of the whole ensemble; its nodes, of falling size, are merged from the left."""
        summaries = self.nodes[0].summaries
        for node in self.nodes[1:]:
            for name, summary in summaries.items():
                summary.merge(node.summaries[name])
        return Result(**{"moments": None, "final": None, "path": None, **self.rows, **summaries})

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents by name: rows, and each node's summaries as ``node.summary.part``."""
        found = dict(self.rows)
        found["nodes"] = np.array([(node.first, node.blocks) for node in self.nodes], dtype=np.int64).reshape(-1, 2)
        for number, node in enumerate(self.nodes):
            for name, summary in node.summaries.items():
                found |= {f"{number}.{name}.{part}": array for part, array in summary.arrays().items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Part:
        """Inverse of `arrays`; KeyError where something is missing."""
        contents: dict[tuple[int, str], dict[str, np.ndarray]] = {}
        for name, array in arrays.items():
            if name.count(".") == 2:
                number, summary, part = name.split(".")
                contents.setdefault((int(number), summary), {})[part] = array
        nodes = []
        for number, (first, blocks) in enumerate(arrays["nodes"]):
            own = {summary: found for (n, summary), found in contents.items() if n == number}
            nodes.append(
                Node(int(first), int(blocks), {s: SUMMARIES[s].from_arrays(found) for s, found in own.items()})
            )
        rows = {name: arrays[name] for name in ROWS if name in arrays}
        return cls(rows | {"diverged": arrays["diverged"]}, tuple(nodes))
