"""Lines of kernel text, and the rows of the scratch array that they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Writer:
    """Collects indented lines; gives every named row of the block its place in the array ``W``.

    Parameters
    ----------
    lanes
        Length of a row.
    literal
        Format of a number.
    single
        The numbers of the lanes have 32 bits.
    """

    def __init__(self, lanes: int, literal: str, single: bool = False):
        self.lanes = lanes
        self.literal = literal
        self.single = single
        self.lines: list[str] = []
        self._places: dict[str, int] = {}
        self._indices: dict[str, int] = {}
        self._depth = 0

    @property
    def rows(self) -> int:
        """Number of rows of ``W``."""
        return 1 + max(self._places.values(), default=-1)

    @property
    def index_rows(self) -> int:
        """Number of rows of the integer array ``I``."""
        return len(self._indices)

    def row(self, name: str) -> None:
        """Reserve a row, unless the name has one."""
        self._places.setdefault(name, self.rows)

    def alias(self, name: str, other: str) -> None:
        """Let ``name`` mean the row of ``other``."""
        self._places[name] = self._places[other]

    def place(self, name: str) -> int:
        """Number of a row of ``W``."""
        return self._places[name]

    def at(self, name: str) -> str:
        """Code of a row's element in lane ``l``."""
        return f"W[{self._places[name]}, l]"

    def index_at(self, name: str) -> str:
        """Code of an integer row's element in lane ``l``; the row is reserved on first use."""
        return f"I[{self._indices.setdefault(name, len(self._indices))}, l]"

    def number(self, value: float) -> str:
        """Code of a constant of the lanes' type."""
        return self.literal.format(repr(value))

    def line(self, text: str) -> None:
        """Append a line at the present depth."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def indented(self, levels: int = 1) -> Iterator[None]:
        """Lines inside are deeper."""
        self._depth += levels
        yield
        self._depth -= levels

    @contextmanager
    def lane_loop(self) -> Iterator[None]:
        """Lines inside run for every lane ``l`` of the block."""
        self.line(f"for l in range({self.lanes}):")
        with self.indented():
            yield

    def philox(self, block: str, suffix: str = "", lane: str = "l") -> None:
        """Four random words ``w0 ... w3`` of a lane's trajectory."""
        words = ", ".join(f"w{i}{suffix}" for i in range(4))
        self.line(f"{words} = philox(base + np.uint64({lane}), c1, {block} | stream_bits, c3, key0, key1)")
