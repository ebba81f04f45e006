"""The text of a Triton kernel: one fused function from a recipe.

One program advances a block of trajectories, one a lane; their state stays in registers from the first iteration to
the last. Every number of the lanes is printed with its type, since Triton takes a bare one for float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gan_sde.kernels.drawing import (
    SIGNS_PER_WORD,
    THREES_PER_WORD,
    DrawingPlan,
    GaussianPlan,
    SamplingPlan,
    StatisticsPlan,
)
from gan_sde.kernels.stepper import DIVERGENCE_BOUND, bounds_of
from gan_sde.kernels.triton_sampling import write_sampling
from gan_sde.kernels.triton_uniforms import uniform_names
from gan_sde.kernels.writer import Writer
from gan_sde.symbolic.antithetic import single_paths
from gan_sde.symbolic.lowering import Program, draw_names, lower_expressions
from gan_sde.symbolic.recipe import BatchDraws, Recipe

LITERAL = "tl.full((), {}, real)"
"""Format of a number; ``real`` is the type of the state."""

ARGUMENTS = {
    "state": "", "diverged": "*i64", "uniforms": "", "tables": "",
    "n": "i64", "trajectory": "i64", "step": "i64", "iterations": "i32", "substeps": "i32",
    "key0": "i64", "key1": "i64", "stream_bits": "i64",
}  # fmt: skip
"""Arguments of a kernel and their Triton types; an empty one is a pointer to the type of the state."""

_TYPES = {"i64": ": tl.int64", "i32": ": tl.int32"}


@dataclass(frozen=True)
class KernelText:
    """A kernel before it is compiled.

    Attributes
    ----------
    source
        Text that defines ``kernel``; it speaks of ``tl``, ``real`` (a Triton type) and the device functions.
    prologue
        Code of the numbers that the argument ``uniforms`` holds, see `gan_sde.kernels.triton_uniforms`.
    """

    source: str
    prologue: tuple[tuple[str, str], ...]


def triton_source(recipe: Recipe, plan: DrawingPlan) -> KernelText:
    """Text of a kernel.

    Parameters
    ----------
    recipe
        The process (already without noise, if none is wanted).
    plan
        How its random numbers are drawn.
    """
    programs = _programs(recipe)
    prologue = tuple(line for program in programs for line in program.prologue)
    body = Writer(1, LITERAL)
    arguments = [f"{name}{_TYPES.get(kind, '')}" for name, kind in ARGUMENTS.items()]
    body.line(f"def kernel({', '.join(arguments)}, BLOCK: tl.constexpr):")
    with body.indented():
        _write_load(body, recipe.dim)
        body.line("for k in range(iterations):")
        with body.indented():
            body.line("c1 = tl.cast(step + k, tl.uint32)")
            names = uniform_names(prologue)
            for j, name in enumerate(names):
                body.line(f"{name} = tl.load(uniforms + {len(names)} * k + {j})")
            body.line("for q in range(substeps):")
            with body.indented():
                body.line("c3 = high | tl.cast(q, tl.uint32)")
                _write_draws(body, recipe, plan)
                _write_update(body, recipe, plan, programs)
            body.line("lost = tl.where((x0 != x0) & (lost < 0), k, lost)")
        _write_store(body, recipe.dim)
    return KernelText("\n".join([*body.lines, ""]), prologue)


def _programs(recipe: Recipe) -> list[Program]:
    """Programs of the paths of a recipe, one after the other; the first is that of the path alone."""
    drawn, programs = draw_names(recipe), []
    for p, path in enumerate(single_paths(recipe)):
        label = f"_{p}" if p else ""
        names = {symbol: f"x{p * path.dim + i}" for i, symbol in enumerate(path.state)}
        names |= {symbol: drawn[symbol] for symbol in draw_names(path)}
        uniform, result = (f"u{label}_", f"y{label}_") if label else ("u", "y")
        programs.append(
            lower_expressions(path.update, names, literal=LITERAL, result=result, uniform=uniform, what="update")
        )
    return programs


def _write_load(body: Writer, dim: int) -> None:
    """Columns in; the lanes beyond the last column hold zeros, and nobody looks at them."""
    body.line("column = tl.cast(tl.program_id(0), tl.int64) * BLOCK + tl.arange(0, BLOCK)")
    body.line("inside = column < n")
    body.line("number = trajectory + column")
    body.line("c0 = number.to(tl.uint32)")
    body.line("high = (number >> 32).to(tl.uint32) << 16")
    for name in ("key0", "key1", "stream_bits"):
        body.line(f"{name} = tl.cast({name}, tl.uint32)")
    body.line('nan = tl.full((BLOCK,), float("nan"), real)')
    body.line(f"bound = tl.full((BLOCK,), {DIVERGENCE_BOUND!r}, real)")
    for i in range(dim):
        body.line(f"x{i} = tl.load(state + {i} * n + column, mask=inside, other=0.0)")
    body.line(f"sound = {' & '.join(f'(tl.abs(x{i}) <= bound)' for i in range(dim))}")
    for i in range(dim):
        body.line(f"x{i} = tl.where(sound, x{i}, nan)")
    body.line("lost = tl.full((BLOCK,), -1, tl.int32)")


def _write_store(body: Writer, dim: int) -> None:
    for i in range(dim):
        body.line(f"tl.store(state + {i} * n + column, x{i}, mask=inside)")
    body.line("known = tl.load(diverged + column, mask=inside, other=0)")
    body.line("date = tl.where((known == -1) & (lost >= 0), step + 1 + lost, known)")
    body.line("tl.store(diverged + column, date, mask=inside)")


def _write_draws(body: Writer, recipe: Recipe, plan: DrawingPlan) -> None:
    if isinstance(plan, GaussianPlan):
        _write_gaussian(body, plan)
    elif isinstance(plan, StatisticsPlan):
        _write_statistics(body, recipe, plan)
    elif isinstance(plan, SamplingPlan):
        write_sampling(body, recipe, plan)


def _write_gaussian(body: Writer, plan: GaussianPlan, substep: str = "c3", store: str = "=") -> None:
    """Normals ``n{j}``, signs ``s{j}`` and threes ``three{j}`` of one sub-step."""
    for block in range(math.ceil(plan.words / 4)):
        body.line(f"w0, w1, w2, w3 = philox(c0, c1, stream_bits | {block}, {substep}, key0, key1)")
        for word in range(4 * block, min(4 * block + 4, plan.words)):
            if word >= plan.first_three_word:
                body.line(f"left, right = three_pair(w{word % 4})")
                first = (word - plan.first_three_word) * THREES_PER_WORD
                for j, name in zip(range(first, plan.threes), ("left", "right"), strict=False):
                    body.line(f"three{j} = {name}.to(real)")
            elif word >= plan.first_sign_word:
                first = (word - plan.first_sign_word) * SIGNS_PER_WORD
                for j in range(first, min(first + SIGNS_PER_WORD, plan.signs)):
                    body.line(f"s{j} = fair_sign(w{word % 4}, {j - first}).to(real)")
            elif word % 2 == 0:
                body.line(f"even, odd = normal_pair(w{word % 4}, w{word % 4 + 1})")
                body.line(f"n{word} {store} even")
                if word + 1 < plan.normals:
                    body.line(f"n{word + 1} {store} odd")


def _write_statistics(body: Writer, recipe: Recipe, plan: StatisticsPlan) -> None:
    normals = GaussianPlan(plan.normals)
    if plan.couple is None:
        _write_gaussian(body, normals)
    else:
        for j in range(normals.normals):
            body.line(f"n{j} = tl.full((BLOCK,), 0.0, real)")
        # Sub-step by sub-step the very normals that the SDE draws.
        body.line(f"for part in range({plan.couple}):")
        with body.indented():
            body.line("fine = high | tl.cast(part, tl.uint32)")
            _write_gaussian(body, normals, "fine", "+=")
        for j in range(normals.normals):
            body.line(f"n{j} *= {body.number(1.0 / math.sqrt(plan.couple))}")
    names, write = draw_names(recipe), _write_slots if plan.scatter is None else _write_scatter
    write(body, plan, names)
    images = recipe.draws.mirror_of if isinstance(recipe.draws, BatchDraws) else {}
    if images:
        for j in range(plan.normals):
            body.line(f"n{j} = -n{j}")
        write(body, plan, {mean: names[image] for mean, image in images.items()})


def _write_slots(body: Writer, plan: StatisticsPlan, names) -> None:
    # He1 first: the He2 of the same variate needs it.
    for j, slot in sorted(enumerate(plan.slots), key=lambda item: item[1].degree):
        body.line(f"{names[slot.symbol]} = {_mean(body, plan, slot, f'n{j}', names)}")


def _mean(body: Writer, plan: StatisticsPlan, slot, n: str, names) -> str:
    """Code of one batch mean from its normal."""
    size = plan.batch_size
    if slot.degree == 1:
        return f"{n} * {body.number(1.0 / math.sqrt(size))}"
    squares = _chi_square(body, plan, plan.degrees_of_freedom(slot), n)
    first = "" if slot.first is None else names[plan.slots[slot.first].symbol]
    mean_square = f" + {first} * {first}" if first else ""
    return f"({squares}{mean_square} - {body.number(1.0)}) * {body.number(math.sqrt(0.5))}"


def _chi_square(body: Writer, plan: StatisticsPlan, k: int, n: str) -> str:
    """Code of a chi-square of k degrees of freedom over B."""
    share = body.number(k / plan.batch_size)
    if k == 0:
        return body.number(0.0)
    if k == 1:
        return f"{share} * {n} * {n}"
    body.line(f"root = {_horner(body, plan.polynomials[k], n)}")
    return f"{share} * (root * root * root)"


def _write_scatter(body: Writer, plan: StatisticsPlan, names) -> None:
    """Entries of the triangles over ``sqrt(B)``, then the means as sums of their products."""
    assert plan.scatter is not None
    for j, lost in enumerate(plan.scatter.lost):
        if lost is None:
            body.line(f"entry_{j} = n{j} * {body.number(1.0 / math.sqrt(plan.batch_size))}")
        else:
            squares = _chi_square(body, plan, plan.batch_size - lost, f"n{j}")
            body.line(f"entry_{j} = tl.sqrt(tl.maximum(tl.full((BLOCK,), 0.0, real) + {squares}, 0.0))")
    for mean in plan.scatter.means:
        code = " + ".join(f"entry_{a} * entry_{b}" for a, b in mean.products) or f"entry_{mean.driver}"
        if mean.is_square:
            code = f"({code} - {body.number(1.0)}) * {body.number(math.sqrt(0.5))}"
        body.line(f"{names[mean.symbol]} = {code}")


def _horner(body: Writer, coefficients: tuple[float, ...], n: str) -> str:
    code = body.number(coefficients[-1])
    for c in coefficients[-2::-1]:
        code = f"({code} * {n} + {body.number(c)})"
    return code


def _write_update(body: Writer, recipe: Recipe, plan: DrawingPlan, programs: list[Program]) -> None:
    """The new state; all of it is computed before any of it is replaced."""
    if isinstance(plan, SamplingPlan):
        used = {symbol for e in recipe.update for symbol in e.free_symbols}
        for symbol, name in draw_names(recipe).items():
            if symbol in used:
                body.line(f"{name} *= {body.number(1.0 / plan.batch_size)}")
    for program in programs:
        for name, code in program.body:
            body.line(f"{name} = {code}")
    new = [name for program in programs for name in program.results]
    for i, (low, high) in enumerate(bounds_of(recipe)):
        if low > -math.inf:
            body.line(f"{new[i]} = maximum({new[i]}, {body.number(low)})")
        if high < math.inf:
            body.line(f"{new[i]} = minimum({new[i]}, {body.number(high)})")
    within = " & ".join(f"(tl.abs({name}) <= bound)" for name in new)
    body.line(f"sound = (x0 == x0) & {within}")
    for i in range(recipe.dim):
        body.line(f"x{i} = tl.where(sound, {new[i]}, nan)")
