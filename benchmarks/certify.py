"""CPU time to a stated error: of a certified weak order, and of an expectation by multilevel Monte Carlo.

Weak order: the interval for the order of the LQ-GAN's SDE is to have half-width 0.1 at most.

The order is the slope of ``log |E f(SDE) - E f(training)|`` against the log of the rate, at time 2, with f = a for the
order-1 SDE and f = w2 a for the order-2 SDE. Ours: both runs coupled by their batch statistics, so that the variance of
a difference counts. The peer's is extrapolated, not run: torchsde's Euler scheme (its only one for Ito equations with
general noise) with ``BrownianInterval(dt=...)``, from its measured cost of a step, the measured variance of f, and the
measured bias of Euler's scheme, which has to be a tenth of the weak error for the slope to be the SDE's and not the
scheme's. The training's own expectation is given to the peer exactly and for nothing.

Expectation: that of a parameter of an affine game, whose exact value is known, by Euler's scheme to a root-mean-square
error of 10^-4: `multilevel`, and plain `simulate` at its finest step size, both run.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from time import process_time

import numpy as np

import analysis
import gan_sde as gs
from benchmarks import lq_gan_peers
from benchmarks.lq_gan_peers import BATCH_SIZE, START
from benchmarks.timing import measure
from gan_sde.simulation.multilevel import multilevel

CASES = ((1, (0.005, 0.01, 0.02)), (1, (0.000625, 0.00125, 0.0025)), (2, (0.02, 0.04, 0.08)))
"""Orders of the SDE and rates at which its weak error is a pure power. The smaller they are, the more independent
noise costs beside coupled noise."""
FACTORS = {1: ("a",), 2: ("w2", "a")}
"""Of the observable f."""
TIME = 2.0
HALF_WIDTH = 0.1
RELATIVE = 0.044
"""Relative error wanted of every difference: a slope over rates 1, 2, 4 then has a standard error of 0.045."""
SHARE = 0.1
"""Of the weak error, left to an integrator's bias."""
PILOT, FEWEST = 16384, 2048
SUBSTEPS = 4


@dataclass(frozen=True)
class Difference:
    """What a pilot found at one rate.

    Parameters
    ----------
    lr, steps
        Rate and iterations.
    error
        Weak error of f.
    sd, plain_sd
        Of the coupled difference, and of f alone.
    euler_bias
        Of Euler's scheme with one step an iteration.
    """

    lr: float
    steps: int
    error: float
    sd: float
    plain_sd: float
    euler_bias: float

    @property
    def trajectories(self) -> int:
        """Coupled pairs for the relative error wanted."""
        return max(FEWEST, ceil((self.sd / (RELATIVE * self.error)) ** 2))

    @property
    def plain_trajectories(self) -> float:
        """Independent trajectories for the same."""
        return (self.plain_sd / (RELATIVE * self.error)) ** 2

    @property
    def euler_steps(self) -> float:
        """Euler steps an iteration for a bias of `SHARE` of the weak error."""
        return max(1.0, self.euler_bias / (SHARE * self.error))


@dataclass(frozen=True)
class Certificate:
    """Cost of a certified order.

    Parameters
    ----------
    order, half_width
        Fitted order, and half of its 95 % interval.
    seconds
        CPU time of ours, measured: simulation and fit, kernels compiled before.
    sampling_seconds
        Extrapolated CPU time of the peer with one Euler step an iteration: the confidence alone. Its slope would be
        that of Euler's bias.
    peer_seconds
        The same with as many Euler steps as the bias asks for: the same answer.
    """

    order: float
    half_width: float
    seconds: float
    sampling_seconds: float
    peer_seconds: float


def values(
    process: object, factors: tuple[str, ...], lr: float, trajectories: int, seed: int, integrator: str = "weak2"
) -> np.ndarray:
    """Values of f of a coupled run, ``(trajectories,)``."""
    steps = round(TIME / lr)
    run = gs.simulate(
        process, x0=START, lr=lr, steps=steps, trajectories=trajectories, batch_size=BATCH_SIZE, seed=seed,
        couple=True, substeps=SUBSTEPS, integrator=integrator, record=("final",), every=steps,
    )  # fmt: skip
    return run["final"].sel(param=list(factors)).prod("param").values


def pilot(training: gs.Training, sde: gs.SDE, f: tuple[str, ...], lr: float) -> Difference:
    """Measure errors and variances at one rate."""
    weak2, euler = (values(sde, f, lr, PILOT, 0, name) for name in ("weak2", "euler"))
    difference = weak2 - values(training, f, lr, PILOT, 0)
    # the bias of Euler's scheme is proportional to its step; same normals, so that the difference has little noise
    bias = SUBSTEPS * abs(np.mean(euler - weak2))
    return Difference(
        lr, round(TIME / lr), abs(difference.mean()), difference.std(), weak2.std(), float(bias)
    )  # fmt: skip


def certify(order: int, lrs: tuple[float, ...], second: float) -> Certificate:
    """Certify the order of one SDE at some rates; ``second`` is the CPU time of a trajectory-step of the peer."""
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    training = gs.Training(game, gs.algorithms.get("sgda"))
    sde = training.sde(order=order)
    pilots = [pilot(training, sde, FACTORS[order], lr) for lr in lrs]
    began = process_time()
    means, ses = [], []
    for seed, found in enumerate(pilots, start=1):
        difference = np.subtract(
            *(values(p, FACTORS[order], found.lr, found.trajectories, seed) for p in (sde, training))
        )
        means.append(difference.mean())
        ses.append(difference.std(ddof=1) / np.sqrt(len(difference)))
    fit = analysis.weak_order(lrs, means, ses)
    seconds = process_time() - began
    low, high = fit.interval
    work = np.array([x.plain_trajectories * x.steps for x in pilots])
    steps = np.array([x.euler_steps for x in pilots])
    return Certificate(fit.value, (high - low) / 2, seconds, float(work.sum() * second), float(work @ steps * second))


@dataclass(frozen=True)
class Expectation:
    """Cost of an expectation at a stated error.

    Parameters
    ----------
    name
        Method.
    seconds
        CPU time; kernels compiled before.
    steps
        Integrator steps of all trajectories.
    se
        Standard error.
    error
        Difference from the exact value.
    """

    name: str
    seconds: float
    steps: float
    se: float
    error: float


def expectations(tolerance: float = 1e-4) -> list[Expectation]:
    """The same expectation from many step sizes and from one."""
    samples = ((1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25))
    sde = gs.Training(gs.games.get("quadratic", samples=samples), gs.algorithms.get("sgda")).sde(order=2)
    steps, start = 16, (0.8, -0.5)
    common = {"x0": start, "lr": 0.1, "steps": steps, "batch_size": 2, "integrator": "euler"}
    common["observe"] = {"mean": "theta"}
    moments = gs.MomentDynamics.of_sde(sde).after(start, 0.1 * steps, lr=0.1, batch_size=2)
    exact = float(moments[1 + [s.name for s in sde.parameters].index("theta")])
    multilevel(sde, **common, tolerance=100 * tolerance)
    began = process_time()
    found = multilevel(sde, **common, tolerance=tolerance, seed=1)
    many = Expectation("multilevel", process_time() - began, found.cost, float(found.se[0]), found.value[0] - exact)
    finest = found.levels[-1]
    options = {**common, "substeps": max(1, finest.steps // steps), "every": steps, "record": ("moments",)}
    gs.simulate(sde, trajectories=1, **options)
    trajectories = ceil(finest.fine_variance[0] / many.se**2)
    began = process_time()
    plain = gs.simulate(sde, trajectories=trajectories, seed=2, **options)
    mean, se = (float(plain[f"observable_{name}"][-1, 0]) for name in ("mean", "se"))
    one = Expectation("one step size", process_time() - began, trajectories * finest.steps, se, mean - exact)
    return [many, one]


def run() -> dict[str, object]:
    """Measure and print; the order only where torchsde is installed."""
    both = expectations()
    print("\nCPU time of an expectation to a root-mean-square error of 1e-4, affine game, Euler\n")
    print(f"  {'method':<16}{'CPU, s':>10}{'steps':>12}{'se':>10}{'error':>10}")
    for x in both:
        print(f"  {x.name:<16}{x.seconds:>10.2g}{x.steps:>12.3g}{x.se:>10.2g}{x.error:>10.1g}")
    return {"expectation": both} | orders()


def orders() -> dict[str, Certificate]:
    """Measure and print certificates of the order; none where torchsde is not installed."""
    trajectories, steps = 16384, 100
    try:
        peer = lq_gan_peers.torchsde(trajectories, steps, "float64", True)
    except ImportError as error:
        print(f"\nCertified weak order: not run: {error}")
        return {}
    second = 1 / measure("torchsde", peer, trajectories * steps, repeats=3).value
    found = {f"order {order}, lr {lrs[0]:g} … {lrs[-1]:g}": certify(order, lrs, second) for order, lrs in CASES}
    print(f"\nCPU time to certify the weak order of the LQ-GAN SDE, d = 4, B = {BATCH_SIZE}, half-width {HALF_WIDTH}\n")
    print(
        f"  {'SDE':<28}{'order':>14}{'ours, s':>10}{'torchsde, s *':>16}{'ratio':>8}{'with bias **':>16}{'ratio':>10}"
    )
    for name, x in found.items():
        print(
            f"  {name:<28}{f'{x.order:.2f} ± {x.half_width:.2f}':>14}{x.seconds:>10.2g}{x.sampling_seconds:>16.3g}"
            f"{x.sampling_seconds / x.seconds:>8.3g}{x.peer_seconds:>16.3g}{x.peer_seconds / x.seconds:>10.3g}"
        )
    print("  *  extrapolated; one Euler step an iteration: same confidence, but of Euler's order, not the SDE's")
    print(f"  ** extrapolated; Euler steps so small that their bias is {SHARE:.0%} of the weak error: the same answer")
    return found


if __name__ == "__main__":
    run()
