"""``gan-sde schedule``: derive a learning-rate schedule, say what it rests on, and try it against a constant rate."""

from __future__ import annotations

import io
import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from analysis.schedules.schedule_file import write_schedule
from gan_sde.cli.arguments import collect
from gan_sde.cli.layout import table, with_error
from gan_sde.cli.schedule_rules import ADAPTIVE, FRACTION, Basis, Proposal, Still, propose
from gan_sde.cli.simulate import _constants, _option_names, _rate, _start
from gan_sde.cli.sources import DEFAULT_ALGORITHM, load_game, load_training
from gan_sde.simulation.adaptive import simulate_adaptive

DEFAULTS = {"rule": "optimal", "batch_size": 16, "steps": 1000, "trajectories": 2000, "seed": 0}
"""What is assumed, aloud, where an option is left out."""
RANGES = 10
"""Rows of the printed schedule; the file has every iteration."""
NORMAL = 1.96


@dataclass(frozen=True, eq=False)
class _Trial:
    """Final squared distances to the equilibrium, trajectory by trajectory; NaN where diverged."""

    constant: np.ndarray
    schedule: np.ndarray


def schedule(arguments: Namespace) -> int:
    """Derive, try, print; with ``--out`` also store."""
    out = _checked_out(arguments.out)
    values = {name: getattr(arguments, name) for name in DEFAULTS}
    missing = [name for name, value in values.items() if value is None]
    values = {name: DEFAULTS[name] if value is None else value for name, value in values.items()}
    game, constants = _constants(load_game(arguments))
    start, said = _start(game, arguments.x0)
    training = load_training(arguments, game)
    x0 = np.array([start[s.name] for s in game.parameters])
    options = collect("--rule-options", arguments.rule_options)
    values["x0"] = x0.tolist()
    lr = _rate(arguments.lr)
    _check_players(lr, tuple(game.players))
    with _option_names():
        basis = Basis.of(training, values["batch_size"])
        first = FRACTION * basis.needed_limit if lr is None else lr
        found = propose(values["rule"], basis, first, values["steps"], x0, options, per_player=arguments.per_player)
        notes = _notes(arguments, values, missing, constants, said, lr, first)
        trial, rates, quartiles = _try(training, basis, found, first, values)
    for note in notes:
        print(note, file=sys.stderr)
    if out is not None:
        write_schedule(out, rates)
    printed = {"text": _text, "csv": _csv, "json": _json}[arguments.format]
    print(printed(basis, found, values, first, rates, quartiles, trial), end="")
    if out is not None and arguments.format == "text":
        print(f"\nstored in {out}: one rate an iteration" + _of_whom(found))
    return 0


def _notes(
    arguments: Namespace, values: dict[str, Any], missing: list[str], constants: str, start: str, lr: Any, first: Any
) -> list[str]:
    assumed = [] if arguments.algorithm else [f"--algorithm {DEFAULT_ALGORITHM}"]
    assumed += [f"--{name.replace('_', '-')} {values[name]}" for name in missing]
    assumed += [] if lr is not None else [f"--lr {first:.6g} ({FRACTION:g} of the stability limit)"]
    notes = [f"assumed: {' '.join(assumed)}"] if assumed else []
    return notes + [f"assumed: {what} (defaults of {arguments.game})" for what in (constants, start) if what]


def _check_players(lr: Any, players: tuple[str, ...]) -> None:
    if isinstance(lr, Mapping) and set(lr) != set(players):
        raise ValueError(f"--lr: expected a rate for each of {', '.join(players)}; got {', '.join(lr)}")


def _checked_out(name: str | None) -> Path | None:
    if name is None:
        return None
    out = Path(name)
    if out.suffix.lower() not in (".csv", ".json"):
        raise ValueError(f"--out: expected a name that ends in .csv or .json, got {name!r}")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise ValueError(f"--out: expected a path in a folder that can be written, got {name!r}")
    if out.is_dir():
        raise ValueError(f"--out: expected a file, got the folder {name!r}")
    return out


# -------------------------------------------------------------------- the trial


def _try(
    training: Any, basis: Basis, found: Proposal, first: Any, values: dict[str, Any]
) -> tuple[_Trial | None, Any, Any]:
    """Run schedule and constant rate on the same random numbers; rates by iteration, and quartiles if adaptive."""
    options = {name: values[name] for name in ("x0", "steps", "trajectories", "batch_size", "seed")}
    target = basis.point
    rates, quartiles, adapted = found.lr, None, None
    if found.rule is not None:
        with _said(f"simulating {values['trajectories']:,} trainings under the rule"):
            adapted = simulate_adaptive(training, found.rule, lr=found.lr, every=found.every, target=target, **options)
        rates, quartiles = _by_iteration(adapted, tuple(training.game.players))
    if target is None:
        return None, rates, quartiles
    with _said(f"simulating {values['trajectories']:,} trainings at a constant rate and under the schedule"):
        ends = [adapted] if adapted is not None else [_plain_run(training, found.lr, target, options)]
        constant = _plain_run(training, first, target, options)
    errors = [run["squared_distance"].values[:, -1] for run in (constant, *ends)]
    return _Trial(*errors), rates, quartiles


def _plain_run(training: Any, lr: Any, target: np.ndarray, options: dict[str, Any]) -> Any:
    return simulate_adaptive(training, Still(1), lr=lr, every=options["steps"], target=target, **options)


def _by_iteration(run: Any, players: tuple[str, ...]) -> tuple[Any, Any]:
    """Median rates, one an iteration, and both quartiles of them ``(2, steps)``; by player if they have their own."""
    ends = run["step"].values
    lengths = np.diff(ends, prepend=0)
    rate = run["rate"].values
    columns = [rate] if rate.ndim == 2 else [rate[:, :, k] for k in range(rate.shape[2])]
    medians = [np.repeat(np.quantile(c, 0.5, axis=0, method="nearest"), lengths) for c in columns]
    quartiles = [np.repeat(np.quantile(c, [0.25, 0.75], axis=0), lengths, axis=1) for c in columns]
    if rate.ndim == 2:
        return medians[0], quartiles[0]
    return dict(zip(players, medians, strict=True)), dict(zip(players, quartiles, strict=True))


class _said:
    """A line on standard error while something runs; silent when that is no terminal."""

    def __init__(self, text: str) -> None:
        self._text = text if sys.stderr.isatty() else ""

    def __enter__(self) -> None:
        if self._text:
            print(self._text, end="\r", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._text:
            print(" " * len(self._text), end="\r", file=sys.stderr, flush=True)


# -------------------------------------------------------------------- text


def _text(
    basis: Basis, found: Proposal, values: dict[str, Any], first: Any, rates: Any, quartiles: Any, trial: _Trial | None
) -> str:
    game = basis.training.game
    parts = [
        f"{values['rule']} schedule for {game.name}, "
        f"batch size {values['batch_size']:g}, {values['steps']:,} iterations",
        "\n".join(["rests on", *(f"  {line}" for line in [*_known(basis, first), *found.why])]),
        _schedule_table(rates, quartiles),
        _comparison(values, first, rates, trial, basis),
    ]
    return "\n\n".join(parts) + "\n"


def _known(basis: Basis, first: Any) -> list[str]:
    if basis.point is None:
        return [f"no equilibrium is known: {basis.reason}"]
    names = [s.name for s in basis.training.game.parameters]
    point = ", ".join(f"{name} = {value:.6g}" for name, value in zip(names, basis.point, strict=True))
    lines = [f"equilibrium {point}"]
    if basis.near is None or basis.limit is None:
        return [*lines, f"no stability limit: {basis.reason}"]
    kind = "exact moments: the iteration is affine" if basis.near.exact else "moments of the linearised iteration"
    lines.append(f"stability limit lr < {basis.limit:.6g}, of second moments under the noise of batches ({kind})")
    if basis.training.game.bounds:
        bounded = ", ".join(s.name for s in basis.training.game.parameters if s in basis.training.game.bounds)
        lines.append(f"the bounds of {bounded} are taken to be out of reach: nothing here is exact where they act")
    if not isinstance(first, Mapping):
        time = basis.time_constant(float(first))
        fate = f"falls by e in {time:.3g} iterations" if np.isfinite(time) else "grows"
        lines.append(f"at lr = {first:.6g} the mean squared error, above its floor, {fate}")
    return lines


def _schedule_table(rates: Any, quartiles: Any) -> str:
    columns = rates if isinstance(rates, Mapping) else {"lr": rates}
    spread = quartiles if isinstance(quartiles, Mapping) else {"lr": quartiles}
    edges = _edges(columns)
    pieces = all(np.ptp(c[a:b]) == 0 for c in columns.values() for a, b in edges)
    header, rows = ["iterations"], [[f"{a:,} - {b - 1:,}" if b - a > 1 else f"{a:,}"] for a, b in edges]
    for name, column in columns.items():
        if quartiles is not None:
            header += [f"{name}: median", "quartiles"]
        else:
            header += [name] if pieces else [f"{name}: first", "last"]
        for row, (a, b) in zip(rows, edges, strict=True):
            if quartiles is not None:
                low, high = spread[name][:, b - 1]
                row += [f"{column[b - 1]:.4g}", f"{low:.4g} - {high:.4g}"]
            else:
                row += [f"{column[a]:.4g}"] if pieces else [f"{column[a]:.4g}", f"{column[b - 1]:.4g}"]
    title = "schedule" if quartiles is None else "schedule, over the trajectories, at the end of each range"
    return f"{title}\n{table(header, rows)}"


def _edges(columns: Mapping[str, np.ndarray]) -> list[tuple[int, int]]:
    """Ranges in which all rates are constant; or, where that takes too many, of growing lengths."""
    stacked = np.array(list(columns.values()))
    steps = stacked.shape[1]
    changes = np.flatnonzero((np.diff(stacked, axis=1) != 0).any(axis=0)) + 1
    if len(changes) < RANGES:
        edges = np.array([0, *changes, steps])
    else:
        edges = np.unique(np.concatenate([[0], np.geomspace(max(1, steps / 100), steps, RANGES).round()]))
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _comparison(values: dict[str, Any], first: Any, rates: Any, trial: _Trial | None, basis: Basis) -> str:
    if trial is None:
        return f"not tried against a constant rate: {basis.reason}"
    name = "constant, one a player" if isinstance(first, Mapping) else f"constant {first:.4g}"
    rows = []
    for label, errors, lr in ((name, trial.constant, first), (values["rule"], trial.schedule, rates)):
        kept = errors[np.isfinite(errors)]
        mean = float(kept.mean()) if len(kept) else float("nan")
        half = float(NORMAL * kept.std(ddof=1) / np.sqrt(len(kept))) if len(kept) > 1 else float("nan")
        exact = "" if label in ADAPTIVE else _exact(basis, lr, values)
        rows.append([label, *with_error(mean, half), exact, f"{len(errors) - len(kept):,}"])
    title = f"squared distance to the equilibrium after {values['steps']:,} iterations, {len(errors):,} trajectories"
    header = ["rate", "mean", "± 95 %", "exact", "diverged"]
    if not any(row[3] for row in rows):
        header, rows = [*header[:3], header[4]], [[*row[:3], row[4]] for row in rows]
    return "\n".join([title, table(header, rows), _verdict(trial)])


def _exact(basis: Basis, lr: Any, values: dict[str, Any]) -> str:
    """The mean by exact moments, where the iteration is affine and one rate does for all players."""
    if basis.near is None or not basis.near.exact or isinstance(lr, Mapping):
        return ""
    rates = np.broadcast_to(np.asarray(lr, dtype=float), (values["steps"],))
    with np.errstate(all="ignore"):
        return f"{basis.near.errors(rates, values['x0'], values['batch_size'])[-1]:.4g}"


def _verdict(trial: _Trial) -> str:
    lost = [int((~np.isfinite(errors)).sum()) for errors in (trial.schedule, trial.constant)]
    if any(lost):
        # a mean over the survivors would flatter whichever loses more
        return f"no ratio: {lost[0]:,} trajectories diverged under the schedule, {lost[1]:,} at the constant rate"
    if len(trial.constant) < 2:
        return "no ratio: expected at least two trajectories"
    if not trial.constant.mean() > 0:
        return "no ratio: the constant rate ends at the equilibrium exactly"
    ratio, half = _ratio(trial.schedule, trial.constant)
    if max(half, abs(ratio - 1)) < 1e-9:
        return "ratio 1: the schedule is the constant rate"
    word = "better than" if ratio + half < 1 else "worse than" if ratio - half > 1 else "not distinguishable from"
    value, error = with_error(ratio, half)
    return f"ratio {value} ± {error} (95 %, same random numbers): {word} the constant rate"


def _ratio(schedule: np.ndarray, constant: np.ndarray) -> tuple[float, float]:
    """Ratio of two means over the same trajectories, and half of its 95 % interval (delta method)."""
    ratio = float(schedule.mean() / constant.mean())
    rest = schedule - ratio * constant
    return ratio, float(NORMAL * rest.std(ddof=1) / np.sqrt(len(rest)) / constant.mean())


# -------------------------------------------------------------------- csv, json


def _csv(
    basis: Basis, found: Proposal, values: dict[str, Any], first: Any, rates: Any, quartiles: Any, trial: _Trial | None
) -> str:
    columns = rates if isinstance(rates, Mapping) else {"lr": rates}
    text = io.StringIO()
    print("step", *columns, sep=",", file=text)
    for k, row in enumerate(zip(*columns.values(), strict=True)):
        print(k, *(repr(float(rate)) for rate in row), sep=",", file=text)
    return text.getvalue()


def _json(
    basis: Basis, found: Proposal, values: dict[str, Any], first: Any, rates: Any, quartiles: Any, trial: _Trial | None
) -> str:
    columns = rates if isinstance(rates, Mapping) else {"lr": rates}
    document: dict[str, Any] = {
        "game": basis.training.game.name, **values, "rests_on": [*_known(basis, first), *found.why],
        "stability_limit": basis.limit, "first_rate": first,
        "lr": {name: np.asarray(column).tolist() for name, column in columns.items()},
    }  # fmt: skip
    if quartiles is not None:
        each = quartiles if isinstance(quartiles, Mapping) else {"lr": quartiles}
        document["quartiles"] = {name: q.tolist() for name, q in each.items()}
    if trial is not None:
        document["final_squared_distance"] = {
            name: {"mean": _mean_of_finite(e), "diverged": int(np.isnan(e).sum())}
            for name, e in (("constant", trial.constant), ("schedule", trial.schedule))
        }
    if document["batch_size"] == float("inf"):
        document["batch_size"] = "inf"
    return json.dumps(document, allow_nan=False) + "\n"


def _mean_of_finite(errors: np.ndarray) -> float | None:
    kept = errors[np.isfinite(errors)]
    return float(kept.mean()) if len(kept) else None


def _of_whom(found: Proposal) -> str:
    return ", the median over the trajectories" if found.rule is not None else ""
