"""From the arguments of `simulate` to a checked plan: every mistake is named before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from os import sysconf
from typing import Any

import numpy as np

from gan_sde.kernels.triton_backend import chosen_backend
from gan_sde.simulation.observation import Observation, read_observation
from gan_sde.simulation.pairs import PAIR, check_pairs
from gan_sde.simulation.player_rates import is_schedule, split_rates
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.integrators import INTEGRATORS, WEAK_ORDER
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.start import refuse_starts_out_of_bounds
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.validation import (
    check_batch_size,
    check_choice,
    check_flag,
    check_integer,
    check_positive,
)

TRAINING_STREAM, SDE_STREAM = 0, 1
COUPLED_SUBSTEPS = 4
MOST_SUBSTEPS = 2**16 - 1
BACKENDS = ("auto", "cpu", "gpu", "reference")
RECORDS = ("moments", "final", "paths", "memory")
Process = Training | SDE


@dataclass(frozen=True, eq=False)
class Plan:
    """A simulation with every choice made.

    Attributes
    ----------
    process
        Training or SDE; its game has no free constants.
    x0
        Starts, ``(1, d)`` for all or one row a trajectory.
    rates
        Learning rate of each iteration, ``(steps,)``.
    checkpoints
        Iteration numbers at which moments are taken.
    substeps
        Integration sub-steps an iteration (1 for a training that is not coupled).
    observation
        What is recorded beside moments and states.
    multiples
        Where every player has a schedule: its multiples of the rate, ``(players, steps)``.
    first_start
        Trajectory that the first row of ``x0`` belongs to, where every trajectory has its own.
    antithetic
        Whether trajectories 2i and 2i + 1 are a path and its mirror.
    """

    process: Process
    x0: np.ndarray
    rates: np.ndarray
    trajectories: int
    batch_size: float
    seed: int
    record: tuple[str, ...]
    checkpoints: np.ndarray
    substeps: int
    integrator: str
    couple: bool
    noise: bool
    backend: str
    dtype: str
    observation: Observation
    multiples: np.ndarray | None = None
    first_start: int = 0
    antithetic: bool = False

    @property
    def paths(self) -> int:
        """Trajectories that share the random numbers of one lane of a kernel."""
        return PAIR if self.antithetic else 1

    @property
    def game(self) -> Game:
        """Game of the process."""
        return self.process.game

    @property
    def is_sde(self) -> bool:
        """Whether the process is an SDE."""
        return isinstance(self.process, SDE)

    @property
    def description(self) -> str:
        """Game and kind of process, for people who wait."""
        return f"{self.game.name} {'SDE' if self.is_sde else 'training'}"

    @property
    def stream(self) -> int:
        """Random stream; coupled runs share the training's."""
        return SDE_STREAM if self.is_sde and not self.couple else TRAINING_STREAM

    @property
    def in_arrays(self) -> bool:
        """Whether the game runs in its closed array form."""
        return self.game.arrays is not None

    def start(self, first: int, stop: int) -> np.ndarray:
        """States ``(D, stop - first)`` at step 0 of a range of trajectories: parameters, then memory."""
        rows = self.x0
        if len(rows) > 1 or self.first_start:
            rows = rows[first - self.first_start : stop - self.first_start]
        full = self.process.start(rows, float(self.rates[0]))
        return np.array(np.broadcast_to(full.T, (full.shape[1], stop - first)), dtype=self.dtype, order="C")

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the state variables that are recorded: the parameters, and on demand the memory."""
        return tuple(s.name for s in self.observation.symbols)


def make_plan(
    process: Process,
    *,
    x0: Any,
    lr: Any,
    steps: int,
    trajectories: int,
    batch_size: float,
    seed: int,
    record: Sequence[str],
    every: int | None,
    substeps: int | None,
    integrator: str,
    couple: bool,
    noise: bool,
    backend: str,
    dtype: str,
    observe: Any = None,
    histogram: Any = None,
    quantiles: Any = None,
    functionals: Any = None,
    antithetic: bool = False,
) -> Plan:
    """Check and complete the arguments of `simulate`."""
    if not isinstance(process, (Training, SDE)):
        raise ValueError(f"process: expected a Training or its sde(), got {process!r}")
    check_integer("steps", steps, 1, 2**32 - 1)
    check_integer("trajectories", trajectories, 1, 2**48)
    check_integer("seed", seed, 0, 2**64 - 1)
    if every is not None:
        check_integer("every", every, 1)
    if substeps is not None:
        check_integer("substeps", substeps, 1)
    check_batch_size(batch_size)
    check_choice("integrator", integrator, tuple(INTEGRATORS))
    check_choice("backend", backend, BACKENDS)
    check_choice("dtype", dtype, ("float64", "float32"))
    check_flag("couple", couple)
    check_flag("noise", noise)
    check_flag("antithetic", antithetic)
    records = (record,) if isinstance(record, str) or not isinstance(record, Sequence) else tuple(record)
    for entry in records:
        check_choice("record", entry, RECORDS)
    _check_memory(process, records, steps, trajectories, every, dtype)
    process, rates, multiples = _rates(process, lr, steps)
    process.game.refuse_free_symbols()
    if antithetic:
        check_pairs(process, trajectories, many_schedules=multiples is not None, noise=noise and batch_size != inf)
    if process.game.arrays is not None:
        _check_array_choices(process, couple, backend)
    else:
        backend = chosen_backend(backend)
    checkpoints = _checkpoints(steps, every)
    substeps = _substeps(process, substeps, integrator, couple, rates)
    observation = read_observation(
        process, records, observe=observe, histogram=histogram, quantiles=quantiles, functionals=functionals,
        steps=steps, substeps=substeps, dtype=dtype,
    )  # fmt: skip
    # merged, and in the blocks that wait to be
    _refuse_beyond_memory(4 * observation.bytes_needed(len(checkpoints), trajectories))
    return Plan(
        process=process,
        x0=_starts(process.game, x0, trajectories, dtype),
        rates=rates,
        trajectories=int(trajectories),
        batch_size=inf if batch_size == inf else int(batch_size),
        seed=int(seed),
        record=records,
        checkpoints=checkpoints,
        substeps=substeps,
        integrator=integrator,
        couple=bool(couple),
        noise=bool(noise) and batch_size != inf,
        backend="cpu" if backend == "auto" else backend,
        dtype=dtype,
        observation=observation,
        multiples=multiples,
        antithetic=bool(antithetic),
    )


def _check_memory(
    process: Process, records: tuple[str, ...], steps: int, trajectories: int, every: int | None, dtype: str
) -> None:
    """Refuse states that cannot fit into the machine's memory, before anything runs."""
    stride = every or max(1, steps // 100)
    rows = ("final" in records) + ("paths" in records) * (steps // stride + 2)
    # once in blocks and once merged
    _refuse_beyond_memory(2 * (trajectories * (rows * process.game.dim * np.dtype(dtype).itemsize + 8) + 8 * steps))


def _refuse_beyond_memory(needed: int) -> None:
    available = sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise ValueError(
            f"record: expected results within {available / 2**30:.0f} GiB of memory, got {needed / 2**30:.0f} GiB; "
            "record only 'moments', or run fewer trajectories or steps"
        )


def _check_array_choices(process: Process, couple: bool, backend: str) -> None:
    if isinstance(process, SDE):
        raise ValueError(
            f"process: expected a Training, since {process.game.name} of this dimension runs in array form; got an SDE"
        )
    if couple:
        raise ValueError("couple: expected False for a game in array form, got True")
    if backend in ("gpu", "reference"):
        raise ValueError(f"backend: expected 'auto' for a game in array form, got {backend!r}")


def _rates(process: Process, lr: Any, steps: int) -> tuple[Process, np.ndarray, np.ndarray | None]:
    """Learning rate of each iteration; constant rates of players go into the process as multiples of the largest."""
    if isinstance(lr, Mapping):
        players = tuple(process.game.players)
        if is_schedule(lr):
            if process.game.arrays is not None:
                raise ValueError("lr: expected one schedule for a game in array form, got one a player")
            return process, *split_rates(lr, players, steps)
        if set(lr) != set(players):
            raise ValueError(f"lr: expected a rate for each of {', '.join(players)}; got {dict(lr)!r}")
        for player, value in lr.items():
            check_positive(f"lr[{player}]", value)
        largest = max(lr.values())
        process = process.with_rates({player: lr[player] / largest for player in players})
        return process, np.full(steps, float(largest)), None
    if callable(lr):
        lr = _called(lr, steps)
    if np.ndim(lr) == 0:
        check_positive("lr", lr)
        return process, np.full(steps, float(lr)), None
    try:
        rates = np.asarray(lr, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"lr: expected numbers, got {lr!r}") from error
    if rates.shape != (steps,):
        raise ValueError(f"lr: expected one rate a step, shape ({steps},), got shape {rates.shape}")
    bad = np.flatnonzero(~((rates >= 0) & np.isfinite(rates)))
    if len(bad):
        raise ValueError(f"lr: expected rates >= 0, got {rates[bad[0]]} at step {bad[0]}")
    return process, rates, None


def _called(schedule: Callable[[int], float], steps: int) -> np.ndarray:
    try:
        return np.array([float(schedule(k)) for k in range(steps)])
    except (TypeError, ValueError) as error:
        raise ValueError(f"lr: expected a function of the iteration that returns a number, got {schedule!r}") from error


def _starts(game: Game, x0: Any, trajectories: int, dtype: str) -> np.ndarray:
    names = ", ".join(s.name for s in game.parameters)
    if x0 is None:
        if game.x0 is None:
            raise ValueError(f"x0: expected a start for {names}, got none (the game has no default start)")
        return np.array([game.x0], dtype=float)
    if isinstance(x0, Mapping):
        checked = game.checked_start(x0)
        return np.array([[checked[s.name] for s in game.parameters]])
    try:
        values = np.asarray(x0, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"x0: expected numbers for {names}, got {x0!r}") from error
    rows = values[None, :] if values.ndim == 1 else values
    if rows.ndim != 2 or rows.shape[1] != game.dim or rows.shape[0] not in (1, trajectories):
        raise ValueError(
            f"x0: expected shape ({game.dim},) or ({trajectories}, {game.dim}) in the order {names}, got {values.shape}"
        )
    if not (np.abs(rows) <= np.finfo(dtype).max).all():
        raise ValueError(f"x0: expected finite numbers of type {dtype}, got one that is not")
    refuse_starts_out_of_bounds(game.parameters, game.bounds, rows)
    return rows


def _checkpoints(steps: int, every: int | None) -> np.ndarray:
    stride = every if every is not None else max(1, steps // 100)
    numbers = np.arange(0, steps + 1, stride, dtype=np.int64)
    return numbers if numbers[-1] == steps else np.append(numbers, steps)


def _substeps(process: Process, substeps: int | None, integrator: str, couple: bool, rates: np.ndarray) -> int:
    """Sub-steps that keep the integrator's own bias an order of magnitude below the SDE's modelling error.

    The order-n SDE differs from the algorithm by terms of relative size ``lr^n``. With r sub-steps an integrator of
    weak order p errs by ``(lr / r)^p``.
    """
    if substeps is not None:
        if isinstance(process, Training) and not couple and substeps != 1:
            raise ValueError(f"substeps: expected none for a training that is not coupled, got {substeps}")
        return int(substeps)
    if couple:
        return COUPLED_SUBSTEPS
    if isinstance(process, Training):
        return 1
    if WEAK_ORDER[integrator] == 2:
        return 2 if process.order == 1 else 4
    needed = 16 if process.order == 1 else max(16, ceil(4 / float(rates.max() or 1.0)))
    if needed > MOST_SUBSTEPS:
        raise ValueError(
            f"integrator: expected 'weak2' at so small a learning rate, got 'euler', which needs {needed} sub-steps"
        )
    return needed
