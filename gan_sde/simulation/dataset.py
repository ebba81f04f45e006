"""From merged results to a labelled data set with provenance."""

from __future__ import annotations

import hashlib
import inspect
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from platform import machine, python_version
from typing import Any

import numpy as np
import xarray as xr
from sympy import symbols

from gan_sde.simulation.ensemble import make_recipe
from gan_sde.simulation.expansion_range import is_shifted
from gan_sde.simulation.observed import observed_variables
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.results import Result
from gan_sde.simulation.statistics import unpack
from gan_sde.symbolic.distributions import Normal
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.shared_trees import TreeDigest
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.update import derive_map

VERSIONS = ("numpy", "numba", "sympy", "scipy", "torch")
SHIFTED_START = "that of the SDE: x0 shifted by the eliminated memory"
"""What is said of the start of an SDE from which a fast memory was eliminated."""


def to_dataset(plan: Plan, result: Result, wall_time: float) -> xr.Dataset:
    """Labelled results; see `gan_sde.simulate` for the variables."""
    # variable-length strings: the only kind of text that the zarr format specifies
    names = np.array(plan.recorded, dtype=object)
    dim = len(names)
    time = np.concatenate([[0.0], np.cumsum(plan.rates)])[plan.checkpoints]
    coords: dict[str, Any] = {"param": names}
    variables: dict[str, Any] = {"diverged": ("trajectory", result.diverged)}
    if result.moments is not None or result.path is not None or plan.observation.at_checkpoints:
        coords |= {"step": plan.checkpoints, "time": ("step", time)}
    if result.moments is not None:
        moments = result.moments
        # a checkpoint that no trajectory reached has no moments
        seen = np.where(moments.count[:, None] > 0, moments.mean, np.nan)
        mean, second = unpack(seen, dim)
        mean_se, second_se = unpack(moments.standard_error(), dim)
        coords["param_"] = names
        variables |= {
            "mean": (("step", "param"), mean),
            "mean_se": (("step", "param"), mean_se),
            "second_moment": (("step", "param", "param_"), second),
            "second_moment_se": (("step", "param", "param_"), second_se),
            "n": ("step", plan.paths * moments.count),
        }
    if result.final is not None:
        variables["final"] = (("trajectory", "param"), result.final)
    if result.path is not None:
        variables["path"] = (("trajectory", "step", "param"), result.path)
    data = xr.Dataset(variables, coords, attrs=provenance(plan) | {"wall_time_seconds": float(wall_time)})
    data = data.assign(observed_variables(plan.observation, result, plan.paths))
    return data.set_coords([f"lower_{axis}" for bins in plan.observation.bins for axis in bins.axes])


def provenance(plan: Plan) -> dict[str, Any]:
    """Everything that decides the numbers, as attributes that any store can hold."""
    kind = f"sde of order {plan.process.order}" if plan.is_sde else "training"
    rates = plan.rates
    constant = bool((rates == rates[0]).all())
    shifted = isinstance(plan.process, SDE) and is_shifted(plan.process)
    return {
        "game": plan.game.name,
        "algorithm": describe_algorithm(plan),
        "process": kind,
        **({"start": SHIFTED_START} if shifted else {}),
        "lr": float(rates[0]) if constant else f"schedule from {rates[0]:g} to {rates[-1]:g}",
        **({"lr_by_player": by_player} if (by_player := describe_rates(plan)) else {}),
        "batch_size": float(plan.batch_size),
        "steps": len(rates),
        "trajectories": plan.trajectories,
        "seed": str(plan.seed),
        "integrator": plan.integrator if plan.is_sde else "none",
        "substeps": plan.substeps,
        "coupled": int(plan.couple),
        "antithetic": int(plan.antithetic),
        "noise": int(plan.noise),
        "backend": "array" if plan.in_arrays else plan.backend,
        "dtype": plan.dtype,
        **plan.observation.attributes,
        "recipe": fingerprint(plan),
        "versions": json.dumps(
            {"python": python_version(), **{n: installed_version(n) for n in ("gan-sde", *VERSIONS)}}
        ),
        "machine": machine(),
    }


@cache
def installed_version(name: str) -> str:
    """Version of a distribution, or that there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def describe_algorithm(plan: Plan) -> str:
    """Algorithm and per-player rates as text."""
    training = plan.process.training if isinstance(plan.process, SDE) else plan.process
    if training is None:
        return "none"
    rates = f", rates={dict(training.rates)}" if training.rates else ""
    return f"{training.algorithm}{rates}"


def describe_rates(plan: Plan) -> str:
    """Learning rate of every player as text; empty where it is the common one."""
    training = plan.process.training if isinstance(plan.process, SDE) else plan.process
    if training is None:
        return ""
    own = {player: float(training.rates.get(player, 1.0)) for player in training.game.players}
    if plan.multiples is None and set(own.values()) == {1.0}:
        return ""
    multiples = np.ones((len(own), 1)) if plan.multiples is None else plan.multiples
    texts = []
    for (player, factor), multiple in zip(own.items(), multiples, strict=True):
        rate = plan.rates * multiple * factor
        last = "" if (rate == rate[0]).all() else f" to {rate[-1]:g}"
        texts.append(f"{player}={rate[0]:g}{last}")
    return ", ".join(texts)


def fingerprint(plan: Plan) -> str:
    """Hash of the whole simulation: two runs with equal hashes have equal numbers."""
    digest = hashlib.sha256()
    if plan.in_arrays:
        game = plan.game
        digest.update(f"{game.name} {game.dim} {sorted(game.values.items())}".encode())
        digest.update(text_of(plan.process).encode())
        digest.update(repr(sorted((s.name, b) for s, b in game.bounds.items())).encode())
        for law in game.data.values():
            values = getattr(law, "values", None)
            digest.update(repr(law).encode() if values is None else np.ascontiguousarray(values).tobytes())
    else:
        digest.update(make_recipe(plan).fingerprint.encode())
    digest.update(installed_version("gan-sde").encode())
    digest.update(plan.x0.tobytes() + plan.rates.tobytes() + plan.checkpoints.tobytes())
    digest.update(b"" if plan.multiples is None else plan.multiples.tobytes())
    choices = (
        plan.trajectories,
        plan.batch_size,
        plan.seed,
        plan.stream,
        plan.record,
        plan.substeps,
        plan.couple,
    )
    digest.update(repr((*choices, plan.noise, plan.backend, plan.dtype)).encode())
    digest.update(plan.observation.text.encode())
    digest.update(b"antithetic" if plan.antithetic else b"")
    return digest.hexdigest()


def text_of(training: Training) -> str:
    """What an algorithm does, as text: its update in symbols, or its source where it does not run on symbols."""
    try:
        return probe(training)
    except Exception:  # the algorithm's own text may fail on symbols in any way, and still run on numbers
        algorithm = training.algorithm
        try:
            source = inspect.getsource(type(algorithm))
        except (OSError, TypeError):
            source = type(algorithm).__qualname__
        return f"{source} {algorithm!r} {sorted(getattr(algorithm, '__dict__', {}).items())} {training.rates}"


def probe(training: Training) -> str:
    """What an algorithm does, as text: its update on a small game with every kind of derivative."""
    up, down, y = symbols("up down y")
    first, second = training.game.players
    game = Game.zero_sum(
        up * down * (1 + y) + up**2 * down**2 - up**3 + y * down**3,
        maximiser={first: [up]},
        minimiser={second: [down]},
        data={y: Normal(0, 1)},
    )
    update, _ = derive_map(game, training.algorithm, training.rates)
    tree = TreeDigest()
    return "".join(tree(expression).hex() for expression in update)
