"""The part of a kernel's text that computes the next state of one path, written out or in loops."""

from __future__ import annotations

import math

import numpy as np

from gan_sde.kernels.loop_source import NO_ARRAYS, LoopArrays, LoopedUpdate
from gan_sde.kernels.polynomial_form import polynomial_form
from gan_sde.kernels.stepper import bounds_of
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.antithetic import single_paths
from gan_sde.symbolic.lowering import Program, draw_names, lower
from gan_sde.symbolic.recipe import Recipe


class UpdateText:
    """Text of the update of every path of a recipe; the methods append it to ``body`` in their order.

    Each path has loops of its own over the lanes, whose text is that of the path alone but for the places of its rows:
    so it is compiled to the same arithmetic, and a path has the bits that it has alone.

    Parameters
    ----------
    sampled
        The rows of the batch means hold sums over the samples.
    """

    def __init__(self, body: Writer, recipe: Recipe, *, sampled: bool) -> None:
        for i in range(recipe.dim):
            body.row(f"x{i}")
        self._body, rows = body, draw_names(recipe)
        self._paths: list[_WrittenOut | LoopedUpdate] = []
        scaled: set[str] = set()
        numbers = places = 0
        for p, path in enumerate(single_paths(recipe)):
            local = {name: rows[symbol] for symbol, name in draw_names(path).items()}
            local |= {f"x{i}": f"x{p * path.dim + i}" for i in range(path.dim)}
            label, form = f"_{p}" if p else "", polynomial_form(path)
            sums = {local[name] for name in used_draws(path)} - scaled if sampled else set()
            if form is None:
                self._paths.append(_WrittenOut(body, path, local, label, sums))
                continue
            # loops divide the rows themselves, for all paths after them
            scaled |= sums
            looped = LoopedUpdate(body, path, form, local, label, (numbers, places), sorted(sums))
            numbers, places = numbers + looped.number_count, places + looped.place_count
            self._paths.append(looped)

    def header(self) -> list[str]:
        """Lines at the start of the kernel."""
        return [line for path in self._paths for line in path.header()]

    def arrays(self) -> LoopArrays:
        """Arrays for the text, once all of it is written: the draws decide where the rows are."""
        arrays = [path.arrays() for path in self._paths]
        return LoopArrays(
            np.concatenate([each.numbers for each in arrays]), np.concatenate([each.places for each in arrays])
        )

    def write_constants(self) -> None:
        """Rows that never change in a block."""
        for path in self._paths:
            path.write_constants()

    def write_prologue(self) -> None:
        """What an iteration computes once for all lanes."""
        for path in self._paths:
            path.write_prologue()

    def write_update(self) -> None:
        """The new state in place."""
        for path in self._paths:
            path.write_update()


class _WrittenOut:
    """Straight-line code; ``rows`` names the row of each variable, those in ``sums`` are to be divided by B."""

    def __init__(self, body: Writer, path: Recipe, rows: dict[str, str], label: str, sums: set[str]) -> None:
        self._body, self._path, self._rows, self._sums = body, path, rows, sums
        self._program: Program = lower(path, body.literal, f"u{label}_" if label else "u")

    def header(self) -> list[str]:
        return []

    def arrays(self) -> LoopArrays:
        return NO_ARRAYS

    def write_constants(self) -> None:
        pass

    def write_prologue(self) -> None:
        for name, code in self._program.prologue:
            self._body.line(f"{name} = real({code})")

    def write_update(self) -> None:
        """A lane reads all its rows before it writes one."""
        body, path, rows = self._body, self._path, self._rows
        with body.lane_loop():
            for i in range(path.dim):
                body.line(f"x{i} = {body.at(rows[f'x{i}'])}")
            for name in used_draws(path):
                scale = " * inverse_size" if rows[name] in self._sums else ""
                body.line(f"{name} = {body.at(rows[name])}{scale}")
            for name, code in self._program.body:
                body.line(f"{name} = {code}")
            for i, (low, high) in enumerate(bounds_of(path)):
                if low > -math.inf:
                    body.line(f"y{i} = {body.number(low)} if {body.number(low)} > y{i} else y{i}")
                if high < math.inf:
                    body.line(f"y{i} = {body.number(high)} if {body.number(high)} < y{i} else y{i}")
            body.line(f"size = {' + '.join(f'y{i} * y{i}' for i in range(path.dim))}")
            for i in range(path.dim):
                body.line(f"{body.at(rows[f'x{i}'])} = y{i}")
            # of all tests that see NaN too, the maximum of the bits takes the fewest instructions
            body.line("bits = size_bits(size)")
            body.line("loudest = bits if bits > loudest else loudest")


def used_draws(recipe: Recipe) -> list[str]:
    """Names of the random symbols that the update has."""
    used = {symbol for e in recipe.update for symbol in e.free_symbols}
    return [name for symbol, name in draw_names(recipe).items() if symbol in used]
