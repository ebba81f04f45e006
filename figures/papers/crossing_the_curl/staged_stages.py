"""The staged method in one dimension: the mean stage, then the variance stage, without and with noise.

Gemp & Mahadevan (arXiv 1808.01531) learn the LQ-GAN in stages, (w1, b) first, then (w2, a) on data centred by the b
that was learned. On the second stage the Crossing-the-Curl map divided by ``2 a^2`` is ``(2 w2, a - s / a)``, strongly
monotone about its solution on ``a <= a_max``, with modulus ``c = min(2, 1 + sqrt(s) / a_max)``. The theorem on
projected stochastic approximation (Nemirovski, Juditsky, Lan & Shapiro 2009) gives, for ``rho_k = theta / k``,

    E|x_k - x*|^2 <= max{ theta^2 B^2 / (2 c theta - 1), |x_1 - x*|^2 } / k,    B^2 >= E|sampled map|^2 on the box,

to be read from ``k >= 2 c theta`` on. What it cannot say, the linearisation does: with the derivative g of the map at
the solution and the variance v of its samples there the error is ``theta^2 v / (2 g theta - 1) / k`` if ``2 g theta >
1``, which is ``sigma^2 / (2 k)`` for the scaled map with theta = 1/2, the least that k samples allow; and of the order
``k^(-2 g theta)`` if theta is too small. The map without the scaling has ``g = 4 s``.

The mean stage leaves ``E(b - mu)^2 = sigma^2 / k``. That adds to the variance the second stage sees: its solution is
``sqrt(sigma^2 + (mu - b)^2)``, too large by ``sigma / (2 k)``, of which the square is negligible.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

import analysis
from figures.papers.crossing_the_curl.map_runs import FAR, LOWEST
from figures.papers.crossing_the_curl.maps import Run, euler, function, projection
from figures.papers.crossing_the_curl.staged_stages_panels import draw
from figures.registry import Check, Outcome, Settings, claim
from gan_sde.staged import NormalLaw, StagedRun, StepRule, learn_staged

MEAN, SIGMA = 1.0, 1.0
LAW = NormalLaw(SIGMA, [MEAN])
BOX = (0.5, 2.0)
"""Bounds of a."""
RULES = {"mean": StepRule(1.0, 1.0), "diagonal": StepRule(0.5, 10.0)}
"""b is the running mean of its start and all samples, theta = 1/2 on the second stage."""
START, FIRST = 1.1, (2.0, 1.8)
"""Start of a where rates are measured; start (w2, a) of the trajectories that are drawn and of the bound."""
LEVEL = 0.999
MARGIN = 0.03
"""Allowed to exponents and constants for terms of higher order in 1/k."""
STEP = 0.1
THEOREM = 2 / 3
"""theta for the bound: 1 / c on the box."""
SMALL = {1 / 32: 0.25, 1 / 16: 0.5, 1 / 4: 1.0}
"""theta of the unscaled stage and the exponent ``min(1, 2 g theta)``, g = 4, that it should have."""
SMALL_BATCHES = {1 / 32: 4, 1 / 16: 4, 1 / 4: 1}
"""Samples an iteration there. What early noise leaves fades slowly if theta is small, and must be small itself for the
powers to be those of the linearisation."""


@dataclass(frozen=True)
class Size:
    """Iterations of each stage, and replicates."""

    counts: tuple[int, ...]
    replicates: int


DEFAULT = Size((1000, 1682, 2828, 4757, 8000), 2048)
FULL = Size((1000, 2154, 4642, 10_000, 21_544, 46_416), 8192)


@dataclass(frozen=True, eq=False)
class Series:
    """Both stages at several lengths, each on its own random numbers.

    Attributes
    ----------
    batch
        Samples an iteration.
    k
        ``(n,)``: iterations of each of the two stages.
    shift, scale, own
        ``(replicates, n)``: ``(b - mu)^2``, ``(a - sigma)^2``, and the squared distance of a to the solution of the
        second stage given b.
    """

    batch: int
    k: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    own: np.ndarray


@dataclass(frozen=True, eq=False)
class Progress:
    """Squared distances along the second stage, and what they are held against.

    Attributes
    ----------
    k
        ``(n,)``: iterations.
    distances
        ``(replicates, n)``.
    stated
        ``(n,)``: a bound; or, with one entry, an exponent.
    """

    k: np.ndarray
    distances: np.ndarray
    stated: np.ndarray


# -------------------------------------------------------------------- runs


def deterministic() -> Run:
    """The scaled map with the fixed step from (50, 30), all four parameters, data N(0, 1)."""
    plain = function("F_cc")
    return euler(lambda x: plain(x) / (2 * x[2] ** 2), projection(LOWEST["far"]), FAR, step=STEP, budget=1000)


def staged(samples: float, replicates: int, seed: int, **options: object) -> StagedRun:
    """Run both stages."""
    given = {"bounds": BOX, "start": START, "rules": RULES, "threads": 1, **options}
    return learn_staged(LAW, samples=int(samples), replicates=replicates, seed=seed % 2**64, **given)  # type: ignore[arg-type]


def measure(size: Size, batch: int, seed: int) -> Series:
    """Run all lengths; of several samples an iteration half the replicates."""
    runs = [
        staged(2 * k * batch, size.replicates // (1 + (batch > 1)), 1000 * seed + 10 * batch + i, minibatch=batch)
        for i, k in enumerate(size.counts)
    ]
    return Series(
        batch,
        np.array(size.counts),
        np.array([run.mean_error for run in runs]).T,
        np.array([run.factor_error for run in runs]).T,
        np.array([run.stage_errors[:, 1] for run in runs]).T,
    )


def bounded(replicates: int, seed: int, iterations: int = 2000) -> Progress:
    """The second stage with ``rho_k = theta / k``, and the theorem's bound for the joint distance of (w2, a).

    The discriminator sees no noise: ``w2_(k+1) = (1 - 2 rho_k) w2_k``, added here. The bound is averaged over the b
    of the replicates, on each of which it holds.
    """
    rule = StepRule(THEOREM)
    run = staged(
        2 * iterations, replicates, seed, rules={"mean": RULES["mean"], "diagonal": rule}, start=FIRST[1],
        checkpoints=40,
    )  # fmt: skip
    stage = run.progress[1]
    w2 = FIRST[0] * np.cumprod(1 - 2 * rule.rates(iterations))[stage.k - 1]
    constant = theorem_constant((run.shift[:, 0] - MEAN) ** 2).mean()
    return Progress(stage.k, stage.distances + w2**2, constant / (stage.k + 1))


def theorem_constant(gap: np.ndarray) -> np.ndarray:
    """``max{theta^2 B^2 / (2 c theta - 1), |x_1 - x*|^2}`` with (b - mu)^2 given, one sample an iteration.

    ``E(y - b)^2 = s`` and ``E(y - b)^4 = 3 sigma^4 + 6 sigma^2 gap + gap^2``, so ``E(a - t/a)^2 = a^2 - 2 s +
    E t^2 / a^2``, which is convex in a^2: largest at an end of the box.
    """
    second = SIGMA**2 + gap
    fourth = 3 * SIGMA**4 + 6 * SIGMA**2 * gap + gap**2
    largest = np.max([a**2 - 2 * second + fourth / a**2 for a in BOX], axis=0) + 4 * FIRST[0] ** 2
    modulus = np.minimum(2.0, 1 + np.sqrt(second) / BOX[1])
    noise = THEOREM**2 * largest / (2 * modulus * THEOREM - 1)
    return np.maximum(noise, FIRST[0] ** 2 + (FIRST[1] - np.sqrt(second)) ** 2)


def plain(theta: float, replicates: int, seed: int, *, exact: bool, iterations: int = 16_000) -> Progress:
    """The second stage without the scaling: with noise from a = sigma, with exact moments from `START`.

    Kept from iteration 500 on; the offset of the rule keeps the first steps short, ``rho_1 L <= 1``, L = 24. With
    exact moments the error is ``(1 - s / a^2)^2``, which follows the power sooner: along the flow it is one exactly.
    """
    rules = {"mean": RULES["mean"], "diagonal": StepRule(theta, max(24 * theta - 1, 0.0))}
    batch = inf if exact else SMALL_BATCHES[theta]
    samples = 2 * iterations * (1 if exact else SMALL_BATCHES[theta])
    start = START if exact else SIGMA
    run = staged(samples, replicates, seed, variant="plain", rules=rules, minibatch=batch, start=start, checkpoints=60)
    stage = run.progress[1]
    kept = stage.k >= 500
    errors = stage.distances[:, kept]
    if exact:
        solution = np.sqrt(SIGMA**2 + (run.shift[:, :1] - MEAN) ** 2)
        errors = (1 - solution**2 / (solution + np.sqrt(errors)) ** 2) ** 2  # from above: a stays above it
    return Progress(stage.k[kept], errors, np.array([-SMALL[theta]]))


def sample_paths(batch: int, replicates: int, iterations: int, seed: int) -> np.ndarray:
    """Both stages straight from their definitions, ``(4, replicates, 2 iterations + 1)`` of w1, b, w2, a."""
    rng = np.random.default_rng(seed)
    w1, b = np.ones(replicates), np.zeros(replicates)
    w2, a = np.full(replicates, FIRST[0]), np.full(replicates, FIRST[1])
    path = [(w1, b, w2, a)]
    for k in range(1, iterations + 1):
        rho = 1 / (k + 1)
        real = rng.normal(MEAN, SIGMA, (replicates, batch)).mean(axis=1)
        w1, b = w1 - rho * w1, b - rho * (b - real)
        path.append((w1, b, w2, a))
    for k in range(1, iterations + 1):
        rho = 0.5 / (k + 10)
        spread = ((rng.normal(MEAN, SIGMA, (replicates, batch)) - b[:, None]) ** 2).mean(axis=1)
        w2, a = w2 - rho * 2 * w2, np.clip(a - rho * (a - spread / a), *BOX)
        path.append((w1, b, w2, a))
    return np.moveaxis(np.array(path), 0, -1)


# -------------------------------------------------------------------- verdicts


@claim(
    "staged-one-dimension",
    title="In one dimension the two stages converge like 1/k, the scaled one at the statistical floor; without the "
    "scaling a step that is too small costs the exponent that the modulus says",
    source="Gemp & Mahadevan, arXiv 1808.01531, staged method; Nemirovski et al. 2009; constants: this project",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    size, seed = FULL if settings.full else DEFAULT, settings.seed
    fixed = deterministic()
    series = [measure(size, batch, seed) for batch in (1, 4)]
    theorem = bounded(size.replicates, 1000 * seed + 400)
    small = {
        theta: plain(theta, size.replicates // (2 * SMALL_BATCHES[theta]), 1000 * seed + 500, exact=False)
        for theta in SMALL
    }
    exact = {theta: plain(theta, 1, 0, exact=True) for theta in SMALL}
    paths = {batch: sample_paths(batch, 1000, 300, seed + batch) for batch in (1, 16)}
    checks = (
        fixed_check(fixed),
        same_check(fixed),
        *(exponent_check(f"E(b - μ)², {_samples(each)}", each.k, each.shift, -1.0) for each in series),
        *(exponent_check(f"E(a - σ)², {_samples(each)}", each.k, each.scale, -1.0) for each in series),
        *(constant_check("(b - μ)²", each, each.shift, SIGMA**2) for each in series),
        *(constant_check("(a - σ)²", each, each.scale, SIGMA**2 / 2) for each in series),
        inherited_check(series[0]),
        bound_check(theorem),
        *(loop_check(batch, path, 1000 * seed + 600 + batch) for batch, path in paths.items()),
        *(exact_check(theta, each) for theta, each in exact.items()),
        *(exponent_check(f"unscaled, θ = {_fraction(t)}: E(a - a*)²", p.k, p.distances, -SMALL[t])
          for t, p in small.items()),
        slower_check(small[1 / 16]),
    )  # fmt: skip
    return Outcome(draw(fixed, paths, series, theorem, small, exact), checks, caption(size))


def _samples(series: Series) -> str:
    return f"{series.batch} sample{'s' if series.batch > 1 else ''}"


def _fraction(theta: float) -> str:
    return f"1/{1 / theta:g}"


def fixed_check(result: Run, stated: int = 71) -> Check:
    """Iterations of the scaled map with the fixed step from (50, 30) to distance 1e-4."""
    return Check(
        f"scaled map, step {STEP:g}, from (50, 30): iterations to distance 1e-4",
        str(stated),
        str(result.iterations) if result.converged else f"not within {result.iterations}",
        None,
        bool(result.converged and result.iterations == stated),
    )


def same_check(result: Run) -> Check:
    """Whether the compiled second stage with exact moments takes the same path."""
    count = result.iterations
    run = learn_staged(
        NormalLaw(1.0), samples=2 * count, replicates=1, minibatch=inf, bounds=(LOWEST["far"], 100.0), start=FAR[2],
        rules={"diagonal": StepRule(STEP, power=0.0)}, checkpoints=count,
    )  # fmt: skip
    stage = run.progress[1]
    error = float(np.abs(np.sqrt(stage.distances[0]) - np.abs(result.path[stage.k, 2] - 1)).max())
    return Check(
        f"largest difference of |a - σ| from the compiled stage at {len(stage.k)} iterations",
        "below 1e-12", f"{error:.1e}", None, error < 1e-12,
    )  # fmt: skip


def exponent_check(name: str, k: np.ndarray, errors: np.ndarray, stated: float) -> Check:
    """Whether the exponent of k is as stated: its interval, widened by `MARGIN`, must hold it."""
    estimate = fitted(k, errors)
    low, high = estimate.interval
    return Check(
        f"exponent: {name}", f"{stated:g} ± {MARGIN:g}", estimate.value, (low, high),
        bool(low - MARGIN < stated < high + MARGIN and high - low < 0.2),
    )  # fmt: skip


def fitted(k: np.ndarray, errors: np.ndarray) -> analysis.Estimate:
    """Signed exponent of a power law, interval by bootstrap over replicates."""
    return analysis.fit_rate(k, errors, level=LEVEL).models["power"].slope


def _mean(values: np.ndarray) -> analysis.Estimate:
    """Mean over replicates with its interval at `LEVEL`."""
    count = len(values)
    return analysis.normal_estimate(
        float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)), n=count, level=LEVEL, dof=count - 1
    )


def constant_check(name: str, series: Series, errors: np.ndarray, stated: float) -> Check:
    """Whether the error times the number of samples is as stated at the longest runs, to `MARGIN` of it."""
    estimate = _mean(errors[:, -1] * series.k[-1] * series.batch)
    low, high = estimate.interval
    return Check(
        f"k B E{name}, B = {series.batch}, k = {series.k[-1]}", f"{stated:g} ± {MARGIN * stated:g}", estimate.value,
        (low, high), bool(low - MARGIN * stated < stated < high + MARGIN * stated),
    )  # fmt: skip


def inherited_check(series: Series) -> Check:
    """Whether what the second stage inherits, k times the mean of ``a* - sigma``, is sigma / 2, and harmless."""
    solutions = np.sqrt(SIGMA**2 + series.shift[:, -1]) - SIGMA
    estimate = _mean(series.k[-1] * solutions)
    low, high = estimate.interval
    excess = series.scale[:, -1].mean() / series.own[:, -1].mean() - 1
    return Check(
        f"k E(a* - σ) of the second stage's solution a*, k = {series.k[-1]}; its share in E(a - σ)²",
        f"{SIGMA / 2:g}; below 0.03", f"{estimate.value:.4f}; {excess:.4f}", (low, high),
        bool(estimate.contains(SIGMA / 2) and abs(excess) < 0.03),
    )  # fmt: skip


def bound_check(progress: Progress) -> Check:
    """Whether the theorem's bound lies above the measured error, with its error bar, wherever it is to be read."""
    modulus = 1 + SIGMA / BOX[1]
    read = progress.k + 1 >= 2 * modulus * THEOREM
    mean = progress.distances.mean(axis=0)
    se = progress.distances.std(axis=0, ddof=1) / np.sqrt(len(progress.distances))
    ratio = ((mean + 4 * se) / progress.stated)[read]
    return Check(
        f"E|x_k - x*|² (+ 4 standard errors) over the theorem's bound, k = {progress.k[read][0] + 1} to "
        f"{progress.k[-1] + 1}: largest", "below 1", f"{ratio.max():.3f}, at the end {ratio[-1]:.3f}", None,
        bool(ratio.max() < 1),
    )  # fmt: skip


def loop_check(batch: int, path: np.ndarray, seed: int) -> Check:
    """Whether the loop written out here and the compiled stages, on other random numbers, make the same error."""
    iterations = (path.shape[-1] - 1) // 2
    run = staged(2 * iterations * batch, 2 * path.shape[1], seed, minibatch=batch, start=FIRST[1])
    loop, compiled = _mean((path[3, :, -1] - SIGMA) ** 2), _mean(run.factor_error)
    gap = analysis.normal_estimate(
        loop.value / compiled.value - 1, float(np.hypot(loop.se, compiled.se) / compiled.value), n=loop.n, level=LEVEL
    )
    return Check(
        f"E(a - σ)² after {iterations} + {iterations} iterations, B = {batch}: plain loop over compiled stages, less 1",
        "0", gap.value, gap.interval, bool(gap.contains(0.0)),
    )  # fmt: skip


def exact_check(theta: float, progress: Progress) -> Check:
    """Exponent without noise, where it is ``-2 g theta`` however large theta is."""
    slope = np.polyfit(np.log(progress.k), np.log(progress.distances[0]), 1)[0]
    stated = -8 * theta
    return Check(
        f"unscaled, θ = {_fraction(theta)}, exact moments: exponent of (1 - s/a²)²", f"{stated:g} ± 0.01",
        f"{slope:.4f}", None, bool(abs(slope - stated) < 0.01),
    )  # fmt: skip


def slower_check(progress: Progress) -> Check:
    """Control: a step below the threshold must not have the exponent -1."""
    estimate = fitted(progress.k, progress.distances)
    return Check(
        "control: unscaled, θ = 1/16, below 1/8: exponent", "above -1", estimate.value, estimate.interval,
        bool(estimate.interval[0] > -0.9),
    )  # fmt: skip


def caption(size: Size) -> str:
    """Say what is drawn and what decided."""
    return (
        f"LQ-GAN in one dimension, data N({MEAN:g}, {SIGMA**2:g}), {BOX[0]:g} <= a <= {BOX[1]:g}. (a, b) Stage 1 with "
        "rates 1/(k+1), then stage 2, scaled, with rates 1/(2(k+10)), one trajectory each for batches of 1 and 16; "
        "(c) the same against iterations, with the central 95 % of 1000 runs. (d) Without noise, data N(0, 1), step "
        f"{STEP:g}, from (50, 30): distance to the equilibrium and its two parts. (e) Mean squared errors over "
        f"{size.replicates} replicates (half of them for B = 4) at the end of both stages of k iterations each (95 % "
        "bars), their laws, and the bound of the stochastic approximation theorem on |x_k - x*|², x = (w2, a), rates "
        "2/(3k), against the measured one (black). (f) Second stage without scaling, rates theta / (k + k0): exponent "
        "min(1, 8 theta) with 4 samples an iteration (one at theta = 1/4; points, 95 % bands), 8 theta without noise "
        "(dashed). Verdicts: exponents and "
        f"constants by {100 * LEVEL:g} % intervals over independent replicates, widened by {MARGIN:g} (of the value) "
        "for terms of higher order in 1/k."
    )
