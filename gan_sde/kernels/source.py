"""The text of a numba kernel: one fused function from a recipe.

Trajectories run in blocks of lanes. Inside a block the iterations are outside and the lanes inside: short loops
over the lanes, one after the other (random words to normals, update), each of which LLVM turns into vector
instructions. All rows of a block live in one array of constant shape, ``W[row, l]``: with one array a variable, the
alias checks get out of hand above eight variables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sympy import Symbol

from gan_sde.kernels.drawing import (
    SIGNS_PER_WORD,
    THREES_PER_WORD,
    DrawingPlan,
    GaussianPlan,
    SamplingPlan,
    StatisticsPlan,
)
from gan_sde.kernels.loop_source import LoopArrays
from gan_sde.kernels.sampling_source import write_sampling
from gan_sde.kernels.scatter_source import horner_code, scatter_header, write_scatter
from gan_sde.kernels.stepper import DIVERGENCE_BOUND
from gan_sde.kernels.update_source import UpdateText
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.lowering import draw_names
from gan_sde.symbolic.recipe import BatchDraws, Recipe

ARGUMENTS = (
    "state, diverged, trajectory, step, rates, substeps, key0, key1, stream_bits, inverse_batch, "
    "batch, couple, coefficients, tables, numbers, places"
)


_ARRAYS = 3
"""Line of the header from which arrays are made."""
CALM_SQUARE = 0.9 * DIVERGENCE_BOUND**2
"""A state whose squares sum to less has surely no coordinate out of bounds, in float32 too; one sum is a cheap test."""


@dataclass(frozen=True, eq=False)
class KernelText:
    """The text that defines ``kernel``, and the arrays that it is to be given as its last arguments."""

    source: str
    arrays: LoopArrays


def kernel_source(recipe: Recipe, plan: DrawingPlan, lanes: int, literal: str, *, single: bool = False) -> KernelText:
    """Text of a kernel.

    Parameters
    ----------
    recipe
        The process (already without noise, if none is wanted).
    plan
        How its random numbers are drawn.
    lanes
        Number L of trajectories in a block, a multiple of the vector length.
    literal
        Format of a number in the lanes; it states the type where that is not float64.
    single
        The numbers are float32.
    """
    body = Writer(lanes, literal, single)
    update = UpdateText(body, recipe, sampled=isinstance(plan, SamplingPlan))
    with body.indented(2):
        _write_load(body, recipe.dim)
        update.write_constants()
        body.line("for k in range(rates.shape[0]):")
        with body.indented():
            body.line("c1 = np.uint64(step + k)")
            body.line("rate = rates[k]")
            body.line("substep = rate / substeps")
            update.write_prologue()
            body.line("for q in range(substeps):")
            with body.indented():
                body.line("c3 = np.uint64(q)")
                _write_draws(body, recipe, plan)
                body.line("loudest = size_bits(real(0.0))")
                update.write_update()
                _write_burial(body, recipe.dim)
        _write_store(body, recipe.dim)
    header = _header(body, plan)
    header[_ARRAYS:_ARRAYS] = update.header()
    return KernelText("\n".join([*header, *body.lines, ""]), update.arrays())


def _header(body: Writer, plan: DrawingPlan) -> list[str]:
    lines = [
        f"def kernel({ARGUMENTS}):",
        "    prefer_widest_vectors()",
        f"    L = {body.lanes}",
        f"    W = scratch({body.rows}, {body.lanes}, real)",
        *_word_arrays(body),
        *([f"    I = scratch({body.index_rows}, {body.lanes}, np.int64)"] if body.index_rows else []),
        f"    D = scratch(1, {body.lanes}, np.uint8)",
        f"    nan, bound = real(math.nan), real({DIVERGENCE_BOUND!r})",
        f"    calm = size_bits(real({CALM_SQUARE!r}))",
        "    inverse_size = real(1.0 / batch)",
        "    root = real(1.0 / math.sqrt(batch))",
        "    couple_scale = real(1.0 / math.sqrt(couple))",
    ]
    if isinstance(plan, StatisticsPlan) and plan.scatter is not None:
        lines += scatter_header(plan)
    elif isinstance(plan, StatisticsPlan):
        position = 0
        for k, coefficients in sorted(plan.polynomials.items()):
            name = "alone" if k == plan.batch_size else "about"
            lines.append(f"    {name}_share = real({'1.0' if name == 'alone' else '(batch - 1.0) / batch'})")
            for i in range(len(coefficients)):
                lines.append(f"    {name}_{i} = real(coefficients[{position + i}])")
            position += len(coefficients)
    return [
        *lines,
        "    for first in range(0, state.shape[1], L):",
        "        width = state.shape[1] - first",
        "        width = width if width < L else L",
        "        base = np.uint64(trajectory + first)",
    ]


def _word_arrays(body: Writer) -> list[str]:
    if body.single:
        return [f"    P = scratch(4, {body.lanes // 2}, np.uint64)", "    U = P.view(np.uint32)"]
    return [f"    U = scratch(4, {body.lanes}, np.uint64)"]


def _write_load(body: Writer, dim: int) -> None:
    """Copies the columns in; the lanes beyond the last column repeat it, and nobody looks at them."""
    body.line(f"for i in range({dim}):")
    with body.indented(), body.lane_loop():
        body.line("W[i, l] = state[i, first + (l if l < width else width - 1)]")
    body.line("any_dead = 0")
    with body.lane_loop():
        body.line("D[0, l] = 0")
        body.line(f"for i in range({dim}):")
        with body.indented():
            body.line("if not abs(W[i, l]) <= bound:")
            with body.indented():
                body.line("D[0, l] = any_dead = 1")
        body.line("if D[0, l]:")
        with body.indented():
            _write_nan(body, dim)


def _write_nan(body: Writer, dim: int) -> None:
    body.line(f"for i in range({dim}):")
    with body.indented():
        body.line("W[i, l] = nan")


def _write_store(body: Writer, dim: int) -> None:
    body.line(f"for i in range({dim}):")
    with body.indented():
        body.line("for l in range(width):")
        with body.indented():
            body.line("state[i, first + l] = W[i, l]")


def _write_draws(body: Writer, recipe: Recipe, plan: DrawingPlan) -> None:
    if isinstance(plan, GaussianPlan):
        write_normals(body, plan, accumulate=False)
    elif isinstance(plan, StatisticsPlan):
        _write_statistics(body, recipe, plan)
    elif isinstance(plan, SamplingPlan):
        write_sampling(body, recipe, plan)


def write_normals(body: Writer, plan: GaussianPlan, accumulate: bool) -> None:
    """Normals ``n{j}``, signs ``s{j}``, threes ``three{j}``; whole blocks of four normals in a loop."""
    for j in range(plan.normals):
        body.row(f"n{j}")
    for j in range(plan.signs):
        body.row(f"s{j}")
    for j in range(plan.threes):
        body.row(f"three{j}")
    store = " += " if accumulate else " = "
    whole = plan.normals // 4 if plan.normals >= 8 else 0
    if whole:
        first = body.place("n0")
        body.line(f"for block in range({whole}):")
        with body.indented(), _lane_loop_with_words(body, "np.uint64(block)"):
            for half, (u, v) in enumerate((("w0", "w1"), ("w2", "w3"))):
                body.line(f"even, odd = normal_pair({u}, {v})")
                body.line(f"W[{first + 2 * half} + 4 * block, l]{store}even")
                body.line(f"W[{first + 2 * half + 1} + 4 * block, l]{store}odd")
    for block in range(whole, math.ceil(plan.words / 4)):
        with _lane_loop_with_words(body, f"np.uint64({block})"):
            for word in range(4 * block, min(4 * block + 4, plan.words)):
                if word >= plan.first_three_word:
                    _write_threes(body, plan, word)
                elif word >= plan.first_sign_word:
                    _write_signs(body, plan, word)
                elif word % 2 == 0:
                    body.line(f"even, odd = normal_pair(w{word % 4}, w{word % 4 + 1})")
                    body.line(f"{body.at(f'n{word}')}{store}even")
                    if word + 1 < plan.normals:
                        body.line(f"{body.at(f'n{word + 1}')}{store}odd")


@contextmanager
def _lane_loop_with_words(body: Writer, block: str) -> Iterator[None]:
    """A loop over the lanes that has the words ``w0 ... w3`` of a block.

    The words are made in a loop of their own: the constants of both loops together do not fit into the registers.
    """
    if body.single:
        # Two neighbours in one 64-bit place: what a vector of 64-bit products yields needs no packing that way.
        body.line("for l in range(L // 2):")
        with body.indented():
            body.philox(block, lane="2 * l")
            body.philox(block, lane="2 * l + 1", suffix="_next")
            for i in range(4):
                body.line(f"P[{i}, l] = w{i} | (w{i}_next << np.uint64(32))")
    else:
        with body.lane_loop():
            body.philox(block)
            for i in range(4):
                body.line(f"U[{i}, l] = w{i}")
    with body.lane_loop():
        body.line("w0, w1, w2, w3 = U[0, l], U[1, l], U[2, l], U[3, l]")
        yield


def _write_signs(body: Writer, plan: GaussianPlan, word: int) -> None:
    first = (word - plan.first_sign_word) * SIGNS_PER_WORD
    for j in range(first, min(first + SIGNS_PER_WORD, plan.signs)):
        body.line(f"{body.at(f's{j}')} = fair_sign(w{word % 4}, {j - first})")


def _write_threes(body: Writer, plan: GaussianPlan, word: int) -> None:
    first = (word - plan.first_three_word) * THREES_PER_WORD
    body.line(f"even, odd = three_pair(w{word % 4})")
    for j, name in zip(range(first, plan.threes), ("even", "odd"), strict=False):
        body.line(f"{body.at(f'three{j}')} = {name}")


def _write_statistics(body: Writer, recipe: Recipe, plan: StatisticsPlan) -> None:
    normals = GaussianPlan(plan.normals)
    if plan.couple is None:
        write_normals(body, normals, accumulate=False)
    else:
        for j in range(plan.normals):
            body.row(f"n{j}")
        with body.lane_loop():
            for j in range(plan.normals):
                body.line(f"{body.at(f'n{j}')} = {body.number(0.0)}")
        # Sub-step by sub-step the very normals that the SDE draws.
        body.line("for part in range(couple):")
        with body.indented():
            body.line("c3 = np.uint64(part)")
            write_normals(body, normals, accumulate=True)
    names, write = draw_names(recipe), write_slots if plan.scatter is None else write_scatter
    images = recipe.draws.mirror_of if isinstance(recipe.draws, BatchDraws) else {}
    if images:
        # before the means take the places of their normals
        write(body, plan, {mean: names[image] for mean, image in images.items()}, mirrored=True)
    write(body, plan, names)


def write_slots(body: Writer, plan: StatisticsPlan, names: Mapping[Symbol, str], *, mirrored: bool = False) -> None:
    """The means in rows of their names, from the normals ``n{j}`` or, mirrored, their negatives."""
    scale = "" if plan.couple is None else " * couple_scale"
    for j, slot in enumerate(plan.slots):
        if mirrored:
            body.row(names[slot.symbol])
        else:
            body.alias(names[slot.symbol], f"n{j}")
    with body.lane_loop():
        # He1 first: the He2 of the same variate needs it.
        for j, slot in sorted(enumerate(plan.slots), key=lambda item: item[1].degree):
            body.line(f"n = {'-' if mirrored else ''}{body.at(f'n{j}')}{scale}")
            body.line(f"mean_{j} = {_mean(body, plan, slot)}")
        for j, slot in enumerate(plan.slots):
            body.line(f"{body.at(names[slot.symbol])} = mean_{j}")


def _mean(body: Writer, plan: StatisticsPlan, slot) -> str:
    """Code of one batch mean from its normal ``n``."""
    if slot.degree == 1:
        return "n * root"
    name = "alone" if slot.first is None else "about"
    k = plan.degrees_of_freedom(slot)
    if k == 0:
        squares = body.number(0.0)
    elif k == 1:
        squares = f"{name}_share * n * n"
    else:
        squares = f"{name}_share * cube({horner_code(name, len(plan.polynomials[k]))})"
    mean_square = "" if slot.first is None else f" + mean_{slot.first} * mean_{slot.first}"
    return f"({squares}{mean_square} - {body.number(1.0)}) * {body.number(math.sqrt(0.5))}"


def _write_burial(body: Writer, dim: int) -> None:
    """Exact test of every trajectory, where the update found one that may have diverged or one had before."""
    body.line("if any_dead or loudest > calm:")
    with body.indented():
        with body.lane_loop():
            body.line("sound = not D[0, l]")
            body.line(f"for i in range({dim}):")
            with body.indented():
                body.line("sound = sound and abs(W[i, l]) <= bound")
            body.line("if not sound:")
            with body.indented():
                body.line("D[0, l] = any_dead = 1")
                _write_nan(body, dim)
        body.line("for l in range(width):")
        with body.indented():
            body.line("if D[0, l] and diverged[first + l] == -1:")
            with body.indented():
                body.line("diverged[first + l] = step + k + 1")
