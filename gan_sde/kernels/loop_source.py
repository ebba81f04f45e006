"""The update of a dense game of many parameters as loops: its text, and the arrays that the text reads.

The text does not grow with the dimension, nor does the time to compile it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gan_sde.kernels.panel_product import packed, tile
from gan_sde.kernels.polynomial_form import Monomial, PolynomialForm
from gan_sde.kernels.stepper import bounds_of
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.lowering import lower_expressions
from gan_sde.symbolic.recipe import Recipe


@dataclass(frozen=True, eq=False)
class LoopArrays:
    """What the text of a looped update reads.

    Attributes
    ----------
    numbers
        The matrices as `packed`, one after the other; then ``carry``, lower and upper bounds, ``(d,)`` each.
    places
        int64: the rows of the K monomials; then target and sources of every product of two rows.
    """

    numbers: np.ndarray
    places: np.ndarray


NO_ARRAYS = LoopArrays(np.zeros(0), np.zeros(0, np.int64))
"""For an update that is written out."""


class LoopedUpdate:
    """Text of an update in `PolynomialForm`; the methods append it to ``body`` in their order.

    Parameters
    ----------
    rows
        Name of the row of each variable of the update.
    label
        What tells the names in the text from those of another update.
    first
        Where its own begin in the arrays ``numbers`` and ``places`` of the kernel.
    sums
        Names of random rows that have to be divided by the batch size.
    """

    def __init__(
        self,
        body: Writer,
        recipe: Recipe,
        form: PolynomialForm,
        rows: Mapping[str, str],
        label: str,
        first: tuple[int, int],
        sums: Sequence[str],
    ):
        self._body, self._form, self._dim = body, form, recipe.dim
        self._place_of, self._label, self._first, self._sums = rows, label, first, sums
        self._bounds = np.array(bounds_of(recipe))
        packed_matrices = packed(form.matrices)
        self._layers, self._blocks = packed_matrices.shape[:2]
        self._numbers = packed_matrices.ravel()
        self._size = self._numbers.size // max(self._layers, 1)
        self._program = lower_expressions(form.factors, {}, result="factor", what="update")
        self._products: list[tuple[str, str, str]] = []
        self._names: dict[Monomial, str] = {(k,): name for k, name in enumerate(form.names)}
        self._rows = [self._row(monomial) for monomial in form.monomials]
        self.number_count = self._numbers.size + 3 * self._dim
        self.place_count = len(self._rows) + 3 * len(self._products)

    def _row(self, monomial: Monomial) -> str:
        """Name of a monomial's row; a product is noted with those that it is made of."""
        if monomial not in self._names:
            name = "one" if not monomial else f"product_{len(self._products)}"
            if monomial:
                left, right = self._row(monomial[:-1]), self._row(monomial[-1:])
                name = f"product_{len(self._products)}"
                self._products.append((name, left, right))
            self._names[monomial] = name
        return self._names[monomial]

    def arrays(self) -> LoopArrays:
        """Arrays for the text, once all of it is written: the draws decide where the rows are."""
        edges = [self._form.carry, self._bounds[:, 0], self._bounds[:, 1]]
        triples = [self._place(name) for product in self._products for name in product]
        places = [self._place(name) for name in self._rows] + triples
        return LoopArrays(np.concatenate([self._numbers, *edges]), np.array(places, dtype=np.int64))

    def _place(self, name: str) -> int:
        return self._body.place(self._place_of.get(name, name))

    def header(self) -> list[str]:
        """Lines at the start of the kernel."""
        lanes, count, edge, label = self._body.lanes, len(self._rows), self._layers * self._size, self._label
        number, place = self._first
        return [
            f"    Y{label} = scratch({self._blocks * tile().rows}, {lanes}, real)",
            f"    matrix{label} = scratch(1, {self._size}, real)",
            f"    terms{label} = places[{place}:{place + count}]",
            f"    products{label} = places[{place + count}:{place + self.place_count}]",
            f"    edges{label} = numbers[{number + edge}:{number + self.number_count}]",
            f"    last_rate{label} = math.nan",
        ]

    def write_constants(self) -> None:
        """Rows that never change in a block."""
        body = self._body
        if () in self._names:
            body.row("one")
            with body.lane_loop():
                body.line(f"{body.at('one')} = real(1.0)")

    def write_prologue(self) -> None:
        """The matrix at the present rate."""
        body, label, number = self._body, self._label, self._first[0]
        body.line(f"if rate != last_rate{label}:")
        with body.indented():
            body.line(f"last_rate{label} = rate")
            for name, code in (*self._program.prologue, *self._program.body):
                body.line(f"{name} = real({code})")
            layers = [
                f"{name} * numbers[{number + f * self._size} + e]"
                for f, name in enumerate(self._program.results[: self._layers])
            ]
            if layers:
                body.line(f"for e in range({self._size}):")
                with body.indented():
                    body.line(f"matrix{label}[0, e] = {' + '.join(layers)}")

    def write_update(self) -> None:
        """The new state in place."""
        body, d, label, state = self._body, self._dim, self._label, self._place("x0")
        for name in self._sums:
            with body.lane_loop():
                body.line(f"{body.at(name)} *= inverse_size")
        for name, _, _ in self._products:
            body.row(name)
        if self._products:
            body.line(f"for p in range({len(self._products)}):")
            with body.indented():
                places = ", ".join(f"products{label}[3 * p + {i}]" for i in range(3))
                body.line(f"target, left, right = {places}")
                with body.lane_loop():
                    body.line("W[target, l] = W[left, l] * W[right, l]")
        body.line(f"panel_product(Y{label}, matrix{label}, W, terms{label})")
        body.row("size")
        with body.lane_loop():
            body.line(f"{body.at('size')} = real(0.0)")
        body.line(f"for i in range({d}):")
        with body.indented():
            body.line(f"carry = edges{label}[i]")
            if np.isfinite(self._bounds).any():
                body.line(f"low, high = edges{label}[{d} + i], edges{label}[{2 * d} + i]")
            with body.lane_loop():
                body.line(f"y = Y{label}[i, l] + carry * W[{state} + i, l]")
                if np.isfinite(self._bounds).any():
                    body.line("y = low if low > y else y")
                    body.line("y = high if high < y else y")
                body.line(f"W[{state} + i, l] = y")
                body.line(f"{body.at('size')} += y * y")
        with body.lane_loop():
            body.line(f"bits = size_bits({body.at('size')})")
            body.line("loudest = bits if bits > loudest else loudest")
