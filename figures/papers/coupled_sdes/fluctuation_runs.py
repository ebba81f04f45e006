"""Both sides of the fluctuation-dissipation relations: along stationary runs, and from exact moments.

The game is the finite sum of quadratic payoffs of `weak_errors.SAMPLES`, with multiplicative and additive noise. Each
player minimises its own loss, ``F`` stacks the own-gradients, ``Phi`` is the mean payoff with Hessian ``H``:

    FDR1 of player p   E[(x_p - c) . F_p]   = (lr/2B) E[Tr Sigma_pp]       (SDE)    = (lr/2) E|F^B_p|^2       (training)
    FDR2               E[grad Phi . F]      = (lr/2B) E[Tr(Sigma H)]       (SDE)    = (lr/2) E[F^B . H F^B]   (training)

The forms of the training are exact at every learning rate: FDR1 always, FDR2 because Phi is quadratic. Alternating
players see the moves made before theirs, so fields and gradients are those that each player itself saw, and H is
block-diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from sympy import ImmutableMatrix, Matrix, lambdify

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.finite_sum import SAMPLES, SCHEMES
from gan_sde.symbolic.moments import MomentDynamics

BATCH_SIZE = 2
RELATIONS = ("FDR1, discriminator", "FDR1, generator", "FDR2")
BURN_IN = 20.0
"""Physical time dropped; the slowest mode decays at rate 0.98, and the runs start at the equilibrium."""
SUBSTEPS = 8

Array = np.ndarray
Sides = dict[str, tuple[Array, Array]]


@dataclass(frozen=True)
class Relations:
    """The relations of one training scheme, ``"shared"`` or ``"alternating"``."""

    scheme: str

    @cached_property
    def training(self) -> gs.Training:
        """Training of the game."""
        return gs.Training(_game(), SCHEMES[self.scheme])

    @cached_property
    def covariance(self) -> ImmutableMatrix:
        """Per-sample covariance of the noise in one iteration; alternating players draw separate batches."""
        sigma = _game().noise_covariance
        return sigma if self.scheme == "shared" else ImmutableMatrix(np.diag(np.diag(np.array(sigma))))

    def exact_gap(self, lr: float) -> dict[str, float]:
        """Left over right of the SDE's relations, minus 1, on the training: from its exact stationary moments."""
        dynamics = _moments(self.scheme)
        moments = dynamics.stationary(lr=lr, batch_size=BATCH_SIZE)
        return {
            name: dynamics.expectation(moments, left)
            / (lr / (2 * BATCH_SIZE) * dynamics.expectation(moments, right))
            - 1
            for name, (left, right) in self.integrands.items()
        }  # fmt: skip

    @property
    def integrands(self) -> dict:
        """Left sides, and right sides without ``lr/2B``, as polynomials of the state."""
        game, c, sigma = _game(), equilibrium(), self.covariance
        work = [(s - float(e)) * f for s, e, f in zip(game.parameters, c, game.field, strict=True)]
        sides = [(work[i].expand(), sigma[i, i]) for i in range(2)]
        slope = Matrix([-game.field[0], game.field[1]])
        sides.append((slope.dot(game.field).expand(), (sigma * Matrix(_hessian())).trace().expand()))
        return dict(zip(RELATIONS, sides, strict=True))

    # ------------------------------------------------------------------ along runs

    def path(self, process: gs.Training | gs.SDE, lr: float, *, chains: int, draws: int, seed: int) -> Array:
        """Stationary states ``(chains, draws + 1, 2)``: every iteration of a training, every 1/4 of time of an SDE."""
        is_sde = isinstance(process, gs.SDE)
        every = max(1, round(0.25 / lr)) if is_sde else 1
        dropped = int(np.ceil(BURN_IN / lr / every))
        run = gs.simulate(
            process, x0=equilibrium(), lr=lr, steps=every * (dropped + draws), trajectories=chains, seed=seed,
            batch_size=BATCH_SIZE, record=("paths",), every=every, substeps=SUBSTEPS if is_sde else None,
            progress=False,
        )  # fmt: skip
        return run["path"].values[:, dropped:]

    def sde_sides(self, path: Array, lr: float, *, cross: bool = True) -> Sides:
        """Both sides of the SDE's relations; ``cross=False`` drops the covariance between the players (wrong)."""
        x = path[:, :-1]
        fields, sigma = _at(_game().field, x)[..., 0], _at(self.covariance, x)
        if not cross:
            sigma = sigma * np.eye(2)
        options = {"lr": lr, "batch_size": BATCH_SIZE}
        one = analysis.fdr1_terms(x, fields, sigma, players=_PLAYERS, centre=equilibrium(), **options)
        two = analysis.fdr2_terms(fields * [-1, 1], fields, _hessian(), sigma, **options)
        return dict(zip(RELATIONS, [*one.values(), two], strict=True))

    def discrete_sides(self, path: Array, lr: float, *, claimed_lr: float | None = None) -> Sides:
        """Both sides of the training's relations; another ``claimed_lr`` on the right-hand side makes a control."""
        now, after = path[:, :-1], path[:, 1:]
        batch = (now - after) / lr
        fields, hessian = _at(_game().field, now)[..., 0], _hessian()
        if self.scheme == "alternating":
            between = np.stack([after[..., 0], now[..., 1]], axis=-1)  # the discriminator, first, has moved
            fields = np.stack([fields[..., 0], _at(_game().field, between)[..., 1, 0]], axis=-1)
            hessian = hessian * np.eye(2)
        half = (claimed_lr or lr) / 2
        one = analysis.fdr1_discrete_terms(
            now, batch, players=_PLAYERS, lr=2 * half, field=fields, centre=equilibrium()
        )
        left = fields[..., 1] ** 2 - fields[..., 0] ** 2
        right = half * np.einsum("...i,ij,...j->...", batch, hessian, batch)
        return dict(zip(RELATIONS, [*one.values(), (left, right)], strict=True))


_PLAYERS = {"discriminator": [0], "generator": [1]}


@cache
def _game() -> gs.Game:
    return gs.games.get("quadratic", samples=SAMPLES)


@cache
def _moments(scheme: str) -> MomentDynamics:
    return MomentDynamics.of_training(Relations(scheme).training)


@cache
def equilibrium() -> tuple[float, float]:
    """Equilibrium of the game."""
    game = _game()
    offset = np.array(game.field.subs(dict.fromkeys(game.parameters, 0)), dtype=float)[:, 0]
    return tuple(np.linalg.solve(np.array(game.jacobian, dtype=float), -offset).tolist())


def _hessian() -> Array:
    """Hessian of the mean payoff: the maximiser's gradient is that of minus the payoff."""
    return np.diag([-1.0, 1.0]) @ np.array(_game().jacobian, dtype=float)


def _at(matrix: ImmutableMatrix, x: Array) -> Array:
    """A matrix of polynomials in the state at many states, ``(..., rows, columns)``."""
    entries = lambdify(_game().parameters, list(matrix), "numpy")(x[..., 0], x[..., 1])
    values = [np.broadcast_to(entry, x.shape[:-1]) for entry in entries]
    return np.stack(values, axis=-1).reshape(*x.shape[:-1], *matrix.shape)


@dataclass(frozen=True, eq=False)
class Gap:
    """How far left and right are apart.

    Parameters
    ----------
    relative
        Left over right, minus 1, with its 95 % interval.
    z, p_value
        Of the test that it is what theory says.
    """

    relative: analysis.Estimate
    z: float
    p_value: float


def gap(sides: tuple[Array, Array], predicted: float = 0.0) -> Gap:
    """Test ``left = (1 + predicted) right`` on the one series of differences, chain by chain."""
    left, right = sides
    test = analysis.balance_test(left, (1 + predicted) * right)
    ratio = float(left.mean() / right.mean())
    spread = analysis.balance_test(left, ratio * right).residual.se / abs(float(right.mean()))
    relative = analysis.normal_estimate(ratio - 1, spread, n=left.size)
    return Gap(relative, test.residual.value / test.residual.se, test.p_value)
