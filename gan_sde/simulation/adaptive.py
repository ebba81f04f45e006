"""Trainings whose learning rate follows a rule that watches them, each trajectory a training of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from os import cpu_count, sysconf
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import xarray as xr
from sympy import Symbol

from gan_sde.simulation.dataset import describe_algorithm
from gan_sde.simulation.ensemble import make_stepper, stepper_maker
from gan_sde.simulation.plan import Plan, make_plan
from gan_sde.simulation.player_rates import carrying, is_schedule, multiple_symbols, runs, split_rates
from gan_sde.symbolic.recipe import RATE
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.validation import check_integer, finite_array

BLOCK = 128
"""Trajectories advanced together; results do not depend on it."""


class Rule(Protocol):
    """What `simulate_adaptive` asks of a rule; those of ``analysis.schedules`` have it."""

    rate: float | np.ndarray
    """Present rate as a multiple of the first; an array ``(players,)`` of a rule with rates of their own."""
    period: int
    """Observations between changes of the rate."""

    def observe(self, dissipation: np.ndarray, fluctuation: np.ndarray) -> bool:
        """Take in ``period`` observations, both ``(period, players)``; tell whether the rate changed."""


@dataclass(frozen=True, eq=False)
class _Run:
    """Everything that decides the numbers."""

    plan: Plan
    rule: Rule
    every: int
    centre: np.ndarray | None
    target: np.ndarray | None
    lrs: np.ndarray | None
    """Learning rates ``(players, steps)`` before the rule's multiples; None where one rate does for all."""

    @property
    def ends(self) -> np.ndarray:
        """Iteration number at the end of every check; the last one may come without a full set of observations."""
        steps, stride = len(self.plan.rates), self.rule.period * self.every
        return np.append(np.arange(stride, steps, stride, dtype=np.int64), steps)

    def measured(self, multiples: np.ndarray, step: int) -> np.ndarray:
        """Rates that observations of an iteration are divided by, ``(n,)``, or one a parameter ``(d, n)``."""
        if self.lrs is None:
            return np.asarray(self.plan.rates[0] * multiples)
        rows = self.lrs[:, step, None] * _by_player(multiples, len(self.lrs))
        return np.repeat(rows, [len(own) for own in self.blocks], axis=0)

    def recorded(self, multiples: np.ndarray, step: int) -> np.ndarray:
        """Learning rates of an iteration, ``(n,)`` or ``(n, players)``."""
        if self.lrs is None:
            return np.asarray(self.plan.rates[0] * multiples)
        return np.asarray((self.lrs[:, step, None] * _by_player(multiples, len(self.lrs))).T)

    @property
    def blocks(self) -> list[list[int]]:
        """Indices of every player's parameters."""
        game = self.plan.game
        return [[game.parameters.index(s) for s in own] for own in game.players.values()]


def simulate_adaptive(
    training: Training,
    rule: Rule,
    *,
    lr: Any,
    steps: int,
    trajectories: int,
    x0: Any = None,
    batch_size: float = 1,
    every: int = 2,
    centre: Sequence[float] | np.ndarray | None = None,
    target: Sequence[float] | np.ndarray | None = None,
    seed: int = 0,
    noise: bool = True,
    backend: str = "auto",
    threads: int | None = None,
) -> xr.Dataset:
    """Simulate an ensemble of trainings that set their own learning rates.

    Every trajectory has a copy of the rule. One iteration in `every` is observed: with the states x before and x'
    after it, ``d = (x - x') / rate``, whatever the algorithm, and for each player p the dissipation
    ``(x_p - c) . d_p`` and the fluctuation ``rate |d_p|^2 / 2``. At stationarity their means are equal, exactly. The
    random numbers are those of `simulate` at the same seed: with a rule that never acts, so are the trajectories.

    Parameters
    ----------
    training
        ``Training(game, algorithm)`` without free constants.
    rule
        From ``analysis.schedules``, or any object as `Rule`; it is copied, not changed. A rule whose `rate` is an array
        gives each player a rate of its own: the algorithm sees the field ``U F`` with the player's multiple, as under
        ``lr={player: number}``, so that a velocity forgets the old rate at its own pace.
    lr
        First learning rate, a number or ``{player: number}``; or a schedule, one rate an iteration ``(steps,)`` or
        ``{player: schedule}``. The rule's `rate` multiplies it.
    steps, trajectories, x0, batch_size, seed, noise, backend
        As in `simulate`.
    every
        Iterations from one observed iteration to the next. With 1 the observations telescope, which Yaida's rule wants
        and a test on batch means does not.
    centre
        The fixed point c, ``(d,)``. None: each trajectory's own mean state over the previous window, where windows last
        1, 2, 4, … checks (the first has the start). What c is matters for the variance only.
    target
        A point, ``(d,)``, to which squared distances are recorded.
    threads
        Default: one a core.

    Returns
    -------
    xarray.Dataset
        ``final`` ``(trajectory, param)``; ``rate`` ``(trajectory, check)``, learning rate of the iterations up to that
        check, for each ``player`` where a schedule or a rule gives them rates of their own; ``dissipation``,
        ``fluctuation`` ``(trajectory, check, player)``, means of what was observed in them (NaN where nothing was);
        ``squared_distance`` ``(trajectory, check)`` at the end of them, given a target; ``diverged`` ``(trajectory)``
        as in `simulate`. The coordinate ``step`` ``(check)`` is the iteration number. A diverged trajectory is NaN, and
        its rule sees no more of it.

    Raises
    ------
    ValueError
        On any argument that is not as described, in one line that names it; if the results do not fit into memory.

    Examples
    --------
    >>> import analysis.schedules
    >>> import gan_sde as gs
    >>> training = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    >>> rule = analysis.schedules.YaidaRule(tolerance=0.2, reduction=0.5, period=50)
    >>> run = simulate_adaptive(training, rule, lr=0.1, steps=1000, trajectories=8, batch_size=8, every=1)
    >>> run["rate"].shape, bool((run["rate"][:, -1] < 0.1).all())
    ((8, 20), True)
    """
    if not isinstance(training, Training):
        raise ValueError(f"training: expected a Training, got {training!r}")
    if callable(lr):
        raise ValueError(f"lr: expected a number, a schedule or one of them a player, got {lr!r}")
    check_integer("every", every, 1)
    if threads is not None:
        check_integer("threads", threads, 1)
    if not callable(getattr(rule, "observe", None)) or not hasattr(rule, "rate"):
        raise ValueError(f"rule: expected an object with observe(dissipation, fluctuation) and rate, got {rule!r}")
    check_integer("rule.period", getattr(rule, "period", None), 1)
    lr, lrs = _schedule(training, rule, lr, steps)
    # A rule interrupts its trajectories all the time, in blocks too small to fill a device.
    backend = "cpu" if backend == "auto" else backend
    plan = make_plan(
        training, x0=x0, lr=lr, steps=steps, trajectories=trajectories, batch_size=batch_size, seed=seed,
        record="final", every=None, substeps=None, integrator="weak2", couple=False, noise=noise, backend=backend,
        dtype="float64",
    )  # fmt: skip
    if lrs is not None and plan.in_arrays:
        raise ValueError("rule: expected one constant rate times a number for a game in array form, got rates a player")
    dim = plan.game.dim
    run = _Run(plan, rule, every, _point("centre", centre, dim), _point("target", target, dim), lrs)
    _check_memory(run)
    began = perf_counter()
    firsts = range(0, plan.trajectories, BLOCK)
    advance = _Advance(run)
    with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
        results = list(pool.map(lambda first: _run_block(run, advance, first), firsts))
    return _dataset(run, results, perf_counter() - began)


def _schedule(training: Training, rule: Rule, lr: Any, steps: int) -> tuple[Any, np.ndarray | None]:
    """What the plan takes for the rate, and the players' rates ``(players, steps)`` where they may come apart."""
    players = tuple(training.game.players)
    shape = np.shape(rule.rate)
    if shape not in ((), (len(players),)):
        raise ValueError(f"rule.rate: expected a number or {len(players)}, one a player, got shape {shape}")
    if shape == () and np.ndim(lr) == 0 and not is_schedule(lr):
        return lr, None
    check_integer("steps", steps, 1, 2**32 - 1)
    if not isinstance(lr, Mapping) and np.shape(lr) not in ((), (steps,)):
        raise ValueError(f"lr: expected a number or one rate a step, shape ({steps},), got shape {np.shape(lr)}")
    each = lr if isinstance(lr, Mapping) else dict.fromkeys(players, lr)
    largest, multiples = split_rates(each, players, steps)
    return largest, largest * multiples


def _by_player(multiples: np.ndarray, players: int) -> np.ndarray:
    """A rule's multiples ``(n,)`` or ``(n, players)`` as ``(players, n)``."""
    return np.broadcast_to(multiples.T, (players, len(multiples)))


class _Advance:
    """Advances trajectories of different rates together: in a fused kernel rates are state variables."""

    def __init__(self, run: _Run) -> None:
        plan = self._plan = run.plan
        self._fused, self._lrs = not plan.in_arrays, run.lrs
        self.rows = 1 if run.lrs is None else len(run.lrs)
        if not self._fused:
            self._stepper = make_stepper(plan)
            return
        if run.lrs is None:
            rate, recipe = Symbol("rate__", positive=True), plan.process.recipe()
            update = tuple(e.xreplace({RATE: rate}) for e in recipe.update)
            recipe = carrying(replace(recipe, update=update), [rate])
        else:
            symbols = multiple_symbols(tuple(plan.game.players))
            recipe = carrying(plan.process.with_rates(symbols).recipe(), tuple(symbols.values()))
        make = stepper_maker(plan.backend)
        self._stepper = make(
            recipe, batch_size=plan.batch_size, seed=plan.seed, stream=plan.stream, noise=plan.noise, dtype=plan.dtype
        )

    def __call__(
        self, state: np.ndarray, diverged: np.ndarray, first: int, step: int, number: int, multiples: np.ndarray
    ) -> None:
        """Take `number` iterations in place; rows beyond the kernel's own are for it to use."""
        if number == 0:
            return
        if self._lrs is not None:
            self._follow(state, diverged, first, step, number, multiples)
            return
        rates = self._plan.rates[0] * multiples
        if self._fused:
            state[-1] = rates
            self._stepper.advance(state, diverged, trajectory=first, step=step, rates=np.ones(number))
            return
        for i, rate in enumerate(rates):
            column, mark = np.ascontiguousarray(state[:-1, i : i + 1]), diverged[i : i + 1]
            self._stepper.advance(column, mark, trajectory=first + i, step=step, rates=np.full(number, rate))
            state[:-1, i : i + 1] = column

    def _follow(
        self, state: np.ndarray, diverged: np.ndarray, first: int, step: int, number: int, multiples: np.ndarray
    ) -> None:
        """Iterations under the players' schedules; those with the same ratios are taken together."""
        rates, lrs = self._plan.rates[step : step + number], self._lrs[:, step : step + number]
        ratios = np.divide(lrs, rates, out=np.zeros_like(lrs), where=rates > 0)
        own = _by_player(multiples, len(lrs))
        for begin, end in runs(ratios):
            state[-len(lrs) :] = ratios[:, begin, None] * own
            self._stepper.advance(state, diverged, trajectory=first, step=step + begin, rates=rates[begin:end])


class _Centre:
    """The point from which positions are measured: given, or means over windows that double."""

    def __init__(self, given: np.ndarray | None, x: np.ndarray) -> None:
        self._moves = given is None
        self.value = x.copy() if given is None else np.tile(given[:, None], x.shape[1])
        self._sum, self._number, self._checks, self._window = np.zeros_like(x), 0, 0, 1

    def add(self, x: np.ndarray) -> None:
        """Take in states ``(d, n)``."""
        if self._moves:
            self._sum += x
            self._number += 1

    def check(self) -> None:
        """Count a check; at the end of a window move to its mean."""
        self._checks += 1
        if self._moves and self._checks == self._window:
            self.value = self._sum / self._number
            self._sum, self._number, self._checks, self._window = np.zeros_like(self._sum), 0, 0, 2 * self._window


def _run_block(run: _Run, advance: _Advance, first: int) -> dict[str, np.ndarray]:
    """Run trajectories from number `first` on."""
    plan, dim = run.plan, run.plan.game.dim
    stop = min(first + BLOCK, plan.trajectories)
    start = plan.start(first, stop)
    state = np.concatenate([start, np.zeros((advance.rows, stop - first))])
    diverged = np.full(stop - first, -1, dtype=np.int64)
    rules = [deepcopy(run.rule) for _ in range(stop - first)]
    centre = _Centre(run.centre, state[:dim])
    shape = (stop - first, len(run.ends))
    kept = {"rate": np.empty(shape if run.lrs is None else (*shape, len(run.lrs)))}
    kept |= {name: np.full((*shape, len(run.blocks)), np.nan) for name in ("dissipation", "fluctuation")}
    if run.target is not None:
        kept["squared_distance"] = np.empty(shape)
    begin = 0
    for check, end in enumerate(run.ends):
        multiples = np.array([rule.rate for rule in rules], dtype=float)
        kept["rate"][:, check] = run.recorded(multiples, int(end) - 1)
        observed = list(_observe(run, advance, state, diverged, first, begin, int(end), multiples, centre))
        if observed:
            sides = np.array(observed)  # (observations, 2, players, trajectories)
            kept["dissipation"][:, check], kept["fluctuation"][:, check] = np.moveaxis(sides.mean(axis=0), -1, 1)
            centre.check()
            if len(observed) == run.rule.period:
                for i in np.flatnonzero(np.isfinite(sides).all(axis=(0, 1, 2))):
                    rules[i].observe(sides[:, 0, :, i], sides[:, 1, :, i])
        if run.target is not None:
            kept["squared_distance"][:, check] = ((state[:dim] - run.target[:, None]) ** 2).sum(axis=0)
        begin = int(end)
    return kept | {"final": np.ascontiguousarray(state[:dim].T), "diverged": diverged}


def _observe(
    run: _Run, advance: _Advance, state: np.ndarray, diverged: np.ndarray, first: int, begin: int, end: int,
    multiples: np.ndarray, centre: _Centre,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Advance to iteration `end`; yield both sides of every observed iteration, ``(2, players, n)``."""
    dim, blocks, step = run.plan.game.dim, run.blocks, begin
    while step + run.every <= end:
        advance(state, diverged, first, step, run.every - 1, multiples)
        before = state[:dim].copy()
        advance(state, diverged, first, step + run.every - 1, 1, multiples)
        step += run.every
        move, rates = before - state[:dim], run.measured(multiples, step - 1)
        work, square = (before - centre.value) * move / rates, move**2 / (2 * rates)
        centre.add(before)
        yield np.array([[side[own].sum(axis=0) for own in blocks] for side in (work, square)])
    advance(state, diverged, first, step, end - step, multiples)


def _dataset(run: _Run, results: list[dict[str, np.ndarray]], wall_time: float) -> xr.Dataset:
    """Labelled results."""
    plan = run.plan
    rate_axes = ("trajectory", "check") if run.lrs is None else ("trajectory", "check", "player")
    axes = {"rate": rate_axes, "squared_distance": ("trajectory", "check")}
    axes |= {name: ("trajectory", "check", "player") for name in ("dissipation", "fluctuation")}
    axes |= {"final": ("trajectory", "param"), "diverged": ("trajectory",)}
    variables = {name: (axes[name], np.concatenate([r[name] for r in results])) for name in results[0]}
    coords = {
        "param": np.array(plan.recorded, dtype=object),
        "player": np.array(list(plan.game.players), dtype=object),
        "step": ("check", run.ends),
    }
    attrs = {
        "game": plan.game.name, "algorithm": describe_algorithm(plan), "rule": type(run.rule).__name__,
        "lr": float(plan.rates[0]), "batch_size": float(plan.batch_size), "steps": len(plan.rates),
        "every": run.every, "seed": str(plan.seed), "wall_time_seconds": float(wall_time),
    }  # fmt: skip
    return xr.Dataset(variables, coords, attrs)


def _point(name: str, value: Any, dim: int) -> np.ndarray | None:
    if value is None:
        return None
    point = finite_array(name, value, f"{dim} numbers")
    if point.shape != (dim,):
        raise ValueError(f"{name}: expected shape ({dim},), got {point.shape}")
    return point


def _check_memory(run: _Run) -> None:
    """Refuse results that cannot fit into the machine's memory, before anything runs."""
    needed = 2 * 8 * run.plan.trajectories * (run.plan.game.dim + len(run.ends) * (2 + 3 * len(run.blocks)))
    available = sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise ValueError(
            f"trajectories: expected results within {available / 2**30:.0f} GiB of memory, got "
            f"{needed / 2**30:.0f} GiB; run fewer trajectories, or check less often"
        )
