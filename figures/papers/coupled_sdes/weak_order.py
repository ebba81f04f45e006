"""The order table: the SDE of every algorithm, exactly on an affine game and by simulation on two GANs.

Cao & Guo (2023), arXiv 2006.02047: the SDE with drift ``b_0`` approximates training to weak order 1, the one with
``b_0 + lr b_1`` to weak order 2, for simultaneous and for alternating training; the proof follows Li, Tai & E
(JMLR 20, 2019, arXiv 1511.06251). Here the toolkit carries out the expansion on the text of each algorithm, and the
result is held against the algorithm itself.
"""

from __future__ import annotations

import analysis
from figures.papers.coupled_sdes.algorithm_orders import (
    ALTERNATING,
    BATCH_SIZE,
    CASES,
    CROSS_NOISE,
    LRS,
    SIMULTANEOUS,
    START,
    TIME,
    control_check,
    exact_order,
    order_check,
    orders,
)
from figures.papers.coupled_sdes.algorithm_orders import MARGIN as EXACT_MARGIN
from figures.papers.coupled_sdes.scheduled_orders import scheduled_order, without_rate_derivative
from figures.papers.coupled_sdes.simulated_cases import DIRAC_GAN, LQ_GAN, ROWS, falling
from figures.papers.coupled_sdes.simulated_orders import (
    FULL_PRECISION,
    MARGIN,
    PRECISION,
    Measured,
    first_order_controls,
    is_slow,
    run_noise_control,
    run_rows,
    table,
)
from figures.papers.coupled_sdes.weak_order_panels import draw
from figures.registry import Outcome, Settings, Table, claim

SCENES = (LQ_GAN, DIRAC_GAN)
SCHEDULED = "descent, one batch, rate lr / (1 + t)"


@claim(
    "weak-order-table",
    title="The SDE derived from an algorithm's own text has the weak order that was asked for, 1 or 2, for every "
    "algorithm and batch scheme",
    source="Cao & Guo (2023), arXiv 2006.02047; Li, Tai & E (2019); expansions derived here",
)
def run(settings: Settings) -> Outcome:
    """Measure all orders: exactly on a quadratic game, by simulation on the LQ-GAN and the Dirac-GAN."""
    exact = {case.label: orders(case) for case in CASES}
    crossless = exact_order(CROSS_NOISE, CROSS_NOISE.training().sde(2), independent_players=True)
    misplaced = exact_order(ALTERNATING, SIMULTANEOUS.training().sde(2, noise="exact"))
    exact[SCHEDULED], undifferentiated = scheduled()
    lines = simulated(settings)
    checks = [order_check(label, order, row[f"order {order}"]) for label, row in exact.items() for order in (1, 2)]
    checks += [
        control_check("b1 with the wrong sign", [r["wrong sign"] for r in exact.values() if "wrong sign" in r]),
        control_check("one batch, no covariance between the players", [crossless]),
        control_check("alternating, SDE of simultaneous descent", [misplaced]),
        control_check("falling rate, no derivative of the rate", [undifferentiated]),
    ]
    checks += [line.check() for line in lines] + first_order_controls(lines)
    tables = (_exact_table(exact), table(lines, "weak orders by simulation with common random numbers"))
    return Outcome(draw(exact, lines), tuple(checks), _caption(set(exact), lines), tables)


def simulated(settings: Settings) -> list[Measured]:
    """The quick rows on both games; in full, all."""
    lines, precision = [], FULL_PRECISION if settings.full else PRECISION
    for scene in SCENES:
        rows = [row for row in ROWS if settings.full or not is_slow(row)]
        lines += run_rows(scene, rows, precision, settings.seed)
    return lines + run_noise_control(DIRAC_GAN, precision, settings.seed)


def scheduled() -> tuple[dict[str, analysis.CorrectedOrder], analysis.CorrectedOrder]:
    """Exact orders under a falling rate, and that without the derivative of the rate in the drift."""
    training = CROSS_NOISE.training()
    sdes = {order: training.sde(order, schedule=falling) for order in (1, 2)}
    options = {"x0": START, "time": TIME, "lrs": LRS, "batch_size": BATCH_SIZE}
    found = {f"order {order}": scheduled_order(training, sde, **options) for order, sde in sdes.items()}
    return found, scheduled_order(training, without_rate_derivative(sdes[2]), **options)


def _exact_table(rows: dict[str, dict[str, analysis.CorrectedOrder]]) -> Table:
    cells = []
    for label, row in rows.items():
        for kind, found in row.items():
            low, high = found.interval
            cells.append((label, kind, f"{found.value:.5f}", f"[{low:.5f}, {high:.5f}]", "none needed: no sampling"))
    header = ("algorithm", "SDE", "order", "interval (truncation)", "variance reduced by")
    return Table("weak orders from exact moments, quadratic game", header, tuple(cells))


def _caption(labels: set[str], lines: list[Measured]) -> str:
    gains = sorted(line.found.variance_reduction for line in lines if not line.wrong)
    number = len(labels | {line.row.label for line in lines})
    played = {scene: [n for line in lines if line.scene is scene for n in line.found.steps] for scene in SCENES}
    most = {scene: f"at most {max(steps)} iterations to time {scene.time:g}" for scene, steps in played.items()}
    return (
        f"Weak orders of the SDEs derived from {number} algorithms and batch schemes, by three measurements. a: exact "
        "moments on the "
        f"finite sum of three quadratic payoffs, batch size 2, lr = 1/{1 / LRS[-1]:.0f} ... 1/{1 / LRS[0]:.0f}; "
        "nothing is sampled, all intervals are narrower than the marks. b: the one-dimensional LQ-GAN (mu = sigma = "
        f"1/2), batch size {LQ_GAN.batch_size}, {most[LQ_GAN]}. c: the Dirac-GAN with R1 penalty and gradient noise, "
        f"batch size {DIRAC_GAN.batch_size}, {most[DIRAC_GAN]}. The error is the length of the vector of the "
        "differences of all first and second moments of the SDE's state from two starts (b) or four (c). Its order p "
        "is that of C lr^p exp(k_1 lr + k_2 lr^2) through the errors at four rates (a: five, three corrections). "
        "Training and SDE share their random numbers, in antithetic pairs and with control variates, which divides "
        f"the variance by {gains[0]:,.0f} to {gains[-1]:,.0f}. An interval is the sampling error (95 % together, "
        "Bonferroni) and the truncation error, what one more correction may change. "
        f"Verdict: the order lies in the interval, and that within {MARGIN:g} (shaded; exact {EXACT_MARGIN:g}) of the "
        "order. Crosses: wrong on purpose, order-2 SDEs with b1 turned round or, at a small batch, without the "
        "covariance between the players (above the first row); they fall back to order 1. Adam: order 1 only. "
        "Extragradient with a look-ahead of fixed length is in a alone: it has no closed expectation on the Dirac-GAN "
        "and 37 noise columns on the LQ-GAN. Methods with products of Jacobian and field that are missing in b and c "
        "have a longer table of their own."
    )
