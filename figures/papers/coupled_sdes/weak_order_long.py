"""The rows of the order table that take minutes: products of Jacobian and field, and noise that is not shared."""

from __future__ import annotations

from figures.papers.coupled_sdes.simulated_cases import DIRAC_GAN, LQ_GAN, ROWS
from figures.papers.coupled_sdes.simulated_orders import (
    FULL_PRECISION,
    PRECISION,
    first_order_controls,
    is_slow,
    run_noise_control,
    run_rows,
    table,
)
from figures.papers.coupled_sdes.weak_order_panels import draw
from figures.registry import Outcome, Settings, claim


@claim(
    "weak-order-long",
    title="The SDEs of methods with products of Jacobian and field have weak order 1 and 2 on both GANs",
    source="Li, Tai & E, arXiv 1511.06251; expansions derived here",
    long=True,
)
def run(settings: Settings) -> Outcome:
    """Measure their orders by simulation with common random numbers."""
    lines, precision = [], FULL_PRECISION if settings.full else PRECISION
    for scene in (LQ_GAN, DIRAC_GAN):
        lines += run_rows(scene, [row for row in ROWS if is_slow(row)], precision, settings.seed)
    lines += run_noise_control(LQ_GAN, precision, settings.seed)
    checks = [line.check() for line in lines] + first_order_controls(lines)
    caption = (
        "The rows of the order table for which noise comes from products of batch means: up to 14 noise columns, of "
        "which those of the products cannot share the training's random numbers; and, at a small batch, descent on the "
        "LQ-GAN with its order-2 SDE and with one whose players' noise is independent, which is wrong. Games, error "
        "and verdict as in the short table."
    )
    return Outcome(
        draw({}, lines), tuple(checks), caption, (table(lines, "weak orders by simulation with common random numbers"),)
    )
