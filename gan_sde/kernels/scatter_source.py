"""The part of a kernel's text that turns normals into batch means of products of different normals."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sympy import Symbol

from gan_sde.kernels.drawing import StatisticsPlan
from gan_sde.kernels.scatter import ScatterMean
from gan_sde.kernels.writer import Writer


def scatter_header(plan: StatisticsPlan) -> list[str]:
    """Lines at the start of the kernel: coefficients and shares by the degrees of freedom that B has more."""
    lines, position = [], 0
    for k, coefficients in sorted(plan.polynomials.items()):
        lost = plan.batch_size - k
        lines.append(f"    less{lost}_share = real((batch - {lost}.0) / batch)")
        for i in range(len(coefficients)):
            lines.append(f"    less{lost}_{i} = real(coefficients[{position + i}])")
        position += len(coefficients)
    return lines


def write_scatter(body: Writer, plan: StatisticsPlan, names: Mapping[Symbol, str], *, mirrored: bool = False) -> None:
    """The means in rows of their names: entries over ``sqrt(B)`` first, then products.

    The entries come from the normals ``n{j}`` or, mirrored, from their negatives.
    """
    assert plan.scatter is not None
    scale = "" if plan.couple is None else " * couple_scale"
    for mean in plan.scatter.means:
        if mirrored:
            body.row(names[mean.symbol])
        else:
            body.alias(names[mean.symbol], f"n{mean.driver}")
    with body.lane_loop():
        for j, lost in enumerate(plan.scatter.lost):
            body.line(f"n = {'-' if mirrored else ''}{body.at(f'n{j}')}{scale}")
            if lost is None:
                body.line(f"entry_{j} = n * root")
            else:
                body.line(f"square_{j} = {_square(body, plan, lost)}")
                body.line(f"entry_{j} = math.sqrt(max(square_{j}, {body.number(0.0)}))")
        for mean in plan.scatter.means:
            body.line(f"{body.at(names[mean.symbol])} = {_mean(body, plan, mean)}")


def _square(body: Writer, plan: StatisticsPlan, lost: int) -> str:
    """Code of a chi-square over B from its normal ``n``."""
    k = plan.batch_size - lost
    if k == 0:
        return body.number(0.0)
    if k == 1:
        return f"less{lost}_share * n * n"
    return f"less{lost}_share * cube({horner_code(f'less{lost}', len(plan.polynomials[k]))})"


def _mean(body: Writer, plan: StatisticsPlan, mean: ScatterMean) -> str:
    if not mean.products:
        return f"entry_{mean.driver}"
    assert plan.scatter is not None
    diagonal = [lost is not None for lost in plan.scatter.lost]
    terms = [f"square_{a}" if a == b and diagonal[a] else f"entry_{a} * entry_{b}" for a, b in mean.products]
    code = " + ".join(terms)
    return f"({code} - {body.number(1.0)}) * {body.number(math.sqrt(0.5))}" if mean.is_square else code


def horner_code(name: str, terms: int) -> str:
    """Code of a polynomial of ``n`` with the coefficients ``{name}_0``, ``{name}_1``, ..."""
    code = f"{name}_{terms - 1}"
    for i in reversed(range(terms - 1)):
        code = f"({code} * n + {name}_{i})"
    return code
