"""Every stage of the compiled learner against pen and paper and against a plain loop on the same random numbers."""

import numpy as np
import pytest

from gan_sde.staged import EmpiricalLaw, NormalLaw, StageKind, StepRule, learn_staged
from gan_sde.staged.plan import Variant
from gan_sde.staged.rules import derive_rule
from tests.staged import loops

FACTOR = np.array(
    [
        [1.0, 0, 0, 0, 0],
        [0.4, 1.2, 0, 0, 0],
        [-0.3, 0.5, 0.9, 0, 0],
        [0.2, -0.1, 0.6, 1.1, 0],
        [0.1, 0.2, 0.3, -0.4, 0.8],
    ]
)
NORMAL = NormalLaw(FACTOR, [0.5, -1.0, 2.0, 0.0, 3.0])
ROWS = EmpiricalLaw(np.random.default_rng(3).standard_normal((40, 5)) @ FACTOR.T + 1.0)
BOUNDS, SEED = (0.2, 5.0), 11
# short stages with gentle steps: what is compared is the arithmetic, not the convergence
GENTLE = {kind.value: StepRule(0.3, 4.0) for kind in StageKind}
AVERAGED = {kind.value: StepRule(0.3, 4.0, 2 / 3, average=True, hold=3.0) for kind in StageKind}


def replay(law, stages, variant, rules, replicate):
    """All stages by plain loops."""
    b, scale = np.zeros(law.dim), np.eye(law.dim)
    plain = variant == "plain"
    for stage in stages:
        rule, where = rules[stage.kind.value], (law, SEED, replicate, stage)
        i = stage.index
        if stage.kind is StageKind.MEAN:
            b = loops.mean(*where, b, rule)
        elif stage.kind is StageKind.OFF_DIAGONALS:
            scale[i, :i] = loops.off_diagonals(*where, b, scale, rule, plain)
        elif stage.kind is StageKind.COLUMN:
            scale[i + 1 :, i] = loops.column(*where, b, scale, rule, plain)
        elif stage.kind is StageKind.DIAGONAL:
            scale[i, i] = loops.diagonal(*where, b, scale, rule, plain, BOUNDS)
        elif stage.kind is StageKind.ROW:
            scale[i, : i + 1] = loops.row(*where, b, scale, rule, variant == "residual-rows", BOUNDS)
        else:
            b, scale = loops.joint(*where, b, scale, rule, BOUNDS)
    return b, scale


CASES = [
    ("scaled", {}),
    ("scaled", {"order": "columns"}),
    ("scaled", {"reuse": "all"}),
    ("scaled", {"reuse": "all", "order": "columns"}),
    ("scaled", {"joint_fraction": 0.5, "allocation": "size"}),
    ("plain", {}),
    ("plain", {"order": "columns"}),
    ("plain", {"reuse": "all"}),
    ("gauss-newton-rows", {}),
    ("residual-rows", {}),
    ("residual-rows", {"joint_fraction": 0.5}),
]


@pytest.mark.parametrize("law", [NORMAL, ROWS], ids=["normal", "rows"])
@pytest.mark.parametrize("minibatch", [1, 3])
@pytest.mark.parametrize(("variant", "options"), CASES, ids=lambda value: str(value))
def test_kernels_equal_plain_loops(law, minibatch, variant, options):
    for rules in (GENTLE, AVERAGED):
        samples = 60 if options.get("reuse") == "all" else 600
        run = learn_staged(
            law, samples=samples, replicates=2, minibatch=minibatch, variant=variant, rules=rules, bounds=BOUNDS,
            seed=SEED, **options,
        )  # fmt: skip
        b, scale = replay(law, run.stages, variant, rules, replicate=1)
        np.testing.assert_allclose(run.shift[1], b, rtol=0, atol=1e-12)
        np.testing.assert_allclose(run.scale[1], scale, rtol=0, atol=1e-11)


def test_a_wrong_loop_is_detected():
    """Negative control: the loops of another replicate, and a plain map taken for the scaled one, disagree."""
    run = learn_staged(NORMAL, samples=600, replicates=2, rules=GENTLE, bounds=BOUNDS, seed=SEED)
    for variant, replicate in (("scaled", 0), ("plain", 1)):
        _, scale = replay(NORMAL, run.stages, variant, GENTLE, replicate)
        assert np.abs(run.scale[1] - scale).max() > 1e-3


def test_long_stages_cross_the_chunks():
    """The compiled stages draw 256 samples at a time; batches of 7 straddle the chunks."""
    law = NormalLaw(FACTOR[:2, :2])
    for variant in Variant:
        rules = GENTLE if variant is Variant.PLAIN else AVERAGED
        run = learn_staged(
            law, samples=2100, replicates=1, minibatch=7, variant=variant.value, rules=rules, bounds=BOUNDS, seed=SEED
        )
        _, scale = replay(law, run.stages, variant.value, rules, 0)
        np.testing.assert_allclose(run.scale[0], scale, rtol=0, atol=1e-11)


def two_points(half):
    """Data +half or -half: y^2 = half^2 always, so that stages on one coordinate see no noise once b = 0."""
    return EmpiricalLaw([[-half], [half]])


def test_diagonal_steps_by_hand():
    """With y^2 = 4 and b given by three fair signs: scaled a <- a - rho (a - t/a), plain a <- a - 2 rho a (a^2 - t)."""
    law, rules = two_points(2.0), {"diagonal": StepRule(0.25, 0.0), "mean": StepRule(1e-12)}
    scaled = learn_staged(law, samples=2, replicates=1, rules=rules, start=1.0, bounds=(0.5, 4.0))
    assert scaled.scale[0, 0, 0] == pytest.approx(1 - 0.25 * (1 - 4), abs=1e-9)
    rules["diagonal"] = StepRule(0.125)
    plain = learn_staged(law, samples=2, replicates=1, rules=rules, start=1.0, bounds=(0.5, 4.0), variant="plain")
    assert plain.scale[0, 0, 0] == pytest.approx(1 - 0.125 * 2 * (1 - 4), abs=1e-9)
    assert scaled.discriminator[0, 1] == pytest.approx(1 - 2 * 0.25)
    assert plain.discriminator[0, 1] == pytest.approx(1 - 4 * 0.125)
    # the projection: a step of 0.9 * 3 beyond the box ends on it
    rules["diagonal"] = StepRule(0.9)
    assert learn_staged(law, samples=2, replicates=1, rules=rules, bounds=(0.5, 3.0)).scale[0, 0, 0] == 3.0


def test_off_diagonal_steps_by_hand():
    """y = (1, 1) or (-1, -1) half the time, (2, -2) or (-2, 2) else: c is 1 or -4."""
    law = EmpiricalLaw([[1.0, 1.0], [-1.0, -1.0], [2.0, -2.0], [-2.0, 2.0]])
    still = {"mean": StepRule(1e-12), "diagonal": StepRule(1e-12)}
    start, seen = 1.5, set()
    for seed in range(8):
        ends = {}
        for variant, theta in (("scaled", 0.5), ("plain", 0.05)):
            rules = still | {"off-diagonals": StepRule(theta)}
            run = learn_staged(
                law, samples=4, replicates=1, variant=variant, rules=rules, start=start, seed=seed, bounds=(0.2, 4.0)
            )
            ends[variant] = run.scale[0, 1, 0]
        c = 1.0 if ends["scaled"] > 0 else -4.0
        seen.add(c)
        assert ends["scaled"] == pytest.approx(0.5 * c / start, abs=1e-9)  # a <- a - rho (a - c / L)
        assert ends["plain"] == pytest.approx(0.05 * 4 * start * c, abs=1e-9)  # a <- a - 4 rho L (L a - c)
    assert seen == {1.0, -4.0}


def test_derived_rules():
    bounds, singular = (0.5, 2.0), np.array([2.0, 0.5])
    plain = derive_rule(StageKind.OFF_DIAGONALS, Variant.PLAIN, bounds, singular, 1.0)
    assert (plain.theta, plain.offset) == (1.0, 15.0)  # c = 4/4, L = 16: rho_1 L = 1
    diagonal = derive_rule(StageKind.DIAGONAL, Variant.PLAIN, bounds, np.zeros(0), 1.0)
    assert (diagonal.theta, diagonal.offset) == (1.0, 23.0)
    assert derive_rule(StageKind.OFF_DIAGONALS, Variant.SCALED, bounds, singular, 1.0) == StepRule(1.0)
    np.testing.assert_allclose(StepRule(2.0, 1.0, hold=2.0).rates(4), [1.0, 1.0, 1.0, 2 / 3])


def test_plain_steps_divided_by_their_gain_are_the_scaled_ones_in_columns():
    """4 A_jj^2 is the plain column's only constant, so its derived rule undoes it."""
    runs = [
        learn_staged(
            NORMAL, samples=4000, replicates=2, order="columns", variant=variant, bounds=BOUNDS,
            rules={"diagonal": StepRule(0.05, 20.0)} if variant == "plain" else {"diagonal": StepRule(1e-12)},
        )
        for variant in ("scaled", "plain")
    ]  # fmt: skip
    pivots = [run.scale[:, 0, 0, None] * run.scale[:, 1:, 0] for run in runs]
    np.testing.assert_allclose(*pivots, rtol=1e-12)
