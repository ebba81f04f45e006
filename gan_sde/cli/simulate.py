"""``gan-sde simulate``: run a training or its SDE, say what was assumed, print and store the result."""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_sde.cli.arguments import collect
from gan_sde.cli.shadows import refuse_shadows
from gan_sde.cli.sources import DEFAULT_ALGORITHM, load_game, load_training, set_constants
from gan_sde.cli.statistics_options import OPTIONS, describe_statistics, statistics_of

if TYPE_CHECKING:
    from gan_sde.symbolic.game import Game
    from gan_sde.symbolic.sde import SDE
    from gan_sde.symbolic.training import Training

DEFAULTS = {
    "process": "training",
    "order": 1,
    "lr": 0.05,
    "batch_size": 16,
    "steps": 1000,
    "trajectories": 10_000,
    "seed": 0,
}
"""What is assumed, aloud, where an option is left out and the game has no word on it."""

_SDE_ONLY = ("order", "substeps", "integrator")
_PASSED = ("every", "substeps", "integrator", "backend", "dtype", "record")
"""Options that `gan_sde.simulate` has defaults for; passed on only where given."""


def simulate(arguments: Namespace) -> int:
    """Run and print a summary; with ``--out`` also store the run."""
    if "paths" in (arguments.record or ()):
        refuse_shadows("analysis")  # which judges the paths, after a run that would then be in vain
    out = _checked_out(arguments)
    game = load_game(arguments)
    settings = _Settings.of(arguments, game)
    training = load_training(arguments, settings.game)
    with _option_names(), _destination(out, arguments) as store:
        process = training.sde(order=settings.order) if settings.process == "sde" else training
        from gan_sde.simulation import simulate as run_ensemble
        from gan_sde.simulation.expansion_range import ExpansionWarning

        # A store may still refuse to be resumed: then the refusal is the only line.
        notes = settings.notes + _checked(process, settings.options)
        if not arguments.resume:
            notes = _say(notes)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExpansionWarning)  # it is among the notes
                run = run_ensemble(
                    process, **settings.options, store=store, resume=arguments.resume, scheduler=arguments.scheduler
                )
        except KeyboardInterrupt:
            kept = store is not None and store == out
            raise KeyboardInterrupt(f"interrupted; --resume continues {out}" if kept else "interrupted") from None
    _say(notes)
    from gan_sde.cli.summary import summarise

    print(summarise(run))
    if described := describe_statistics(run):
        print(f"\n{described}")
    if out is not None:
        print(f"\nstored in {out}")
    return 0


def _checked(process: Training | SDE, options: dict[str, Any]) -> list[str]:
    """Refuse what the library would refuse, before anything is said or written; return what it would warn of."""
    from gan_sde.simulation.expansion_range import doubt
    from gan_sde.simulation.simulate import plan_of

    reason = doubt(plan_of(process, **options))
    return [f"warning: --{reason}"] if reason else []


def _say(notes: list[str]) -> list[str]:
    for note in notes:
        print(note, file=sys.stderr)
    return []


@dataclass(frozen=True)
class _Settings:
    """What is run: given options, completed by defaults; ``notes`` says which were assumed."""

    game: Game
    process: str
    order: int
    options: dict[str, Any]
    notes: list[str]

    @staticmethod
    def of(arguments: Namespace, game: Game) -> _Settings:
        values = {name: getattr(arguments, name) for name in DEFAULTS}
        values["lr"] = lr = _rate(values["lr"])
        if values["steps"] is None:
            values["steps"] = _length(lr)
        process = values["process"] or DEFAULTS["process"]
        for name in _SDE_ONLY:
            if process == "training" and getattr(arguments, name) is not None:
                raise ValueError(f"--{name}: expected with --process sde only, got it for a training")
        unused = () if process == "sde" else ("order",)
        missing = [name for name, value in values.items() if value is None and name not in unused]
        values = {name: DEFAULTS[name] if value is None else value for name, value in values.items()}
        assumed = [] if arguments.algorithm else [f"--algorithm {DEFAULT_ALGORITHM}"]
        assumed += [f"--{name.replace('_', '-')} {values[name]}" for name in missing]
        game, constants = _constants(game)
        x0, start = _start(game, arguments.x0)
        notes = [f"assumed: {' '.join(assumed)}"] if assumed else []
        notes += [f"assumed: {what} (defaults of {game.name})" for what in (constants, start) if what]
        order = values.pop("order")
        del values["process"]
        options = {**values, "x0": x0, "noise": not arguments.no_noise, "antithetic": arguments.antithetic}
        options |= {n: getattr(arguments, n) for n in _PASSED if getattr(arguments, n) is not None}
        options |= statistics_of(arguments)
        return _Settings(game, process, order, options, notes)


def _rate(given: list[Any] | None) -> Any:
    if given is None:
        return None
    players = [rate for rate in given if isinstance(rate, tuple)]
    if len(players) == len(given):
        return collect("--lr", players)
    if len(given) > 1:
        raise ValueError(f"--lr: expected one number, or PLAYER=NUMBER of every player; got {len(given)} values")
    (rate,) = given
    return rate


def _length(lr: Any) -> int | None:
    """Iterations of a schedule, None for constant rates."""
    lengths = [len(rates) for rates in (lr.values() if isinstance(lr, dict) else (lr,)) if hasattr(rates, "__len__")]
    return max(lengths, default=None)


def _constants(game: Game) -> tuple[Game, str]:
    """Give the constants that are still free their defaults, and say which."""
    defaults = {s.name: game.defaults[s.name] for s in game.free_symbols if s.name in game.defaults}
    missing = [s.name for s in game.free_symbols if s.name not in defaults]
    if missing:
        raise ValueError(f"--set: expected a value for each of {', '.join(missing)} (no default), got none")
    text = " ".join(f"{name}={value:g}" for name, value in defaults.items())
    return set_constants(game, defaults), f"--set {text}" if text else ""


def _start(game: Game, given: list[tuple[str, float]] | None) -> tuple[dict[str, float], str]:
    """Return the start and, where it is the game's own, its text."""
    if given is not None:
        try:
            return game.checked_start(collect("--x0", given)), ""
        except ValueError as error:
            raise ValueError(f"--{str(error).removeprefix('--')}") from error
    if game.start is None:
        names = ", ".join(s.name for s in game.parameters)
        raise ValueError(f"--x0: expected NAME=VALUE for {names} ({game.name} has no default start), got none")
    start = {s.name: game.start[s.name] for s in game.parameters}
    return start, "--x0 " + " ".join(f"{name}={value:g}" for name, value in start.items())


# -------------------------------------------------------------------- the store


def _checked_out(arguments: Namespace) -> Path | None:
    if arguments.out is None:
        for name in ("resume", "overwrite"):
            if getattr(arguments, name):
                raise ValueError(f"--{name}: expected together with --out, got no --out")
        return None
    out = Path(arguments.out)
    if not out.parent.is_dir():
        raise ValueError(f"--out: expected a path in an existing folder, got {arguments.out!r}")
    if not os.access(out.parent, os.W_OK):
        raise ValueError(f"--out: expected a path in a folder that can be written, got {arguments.out!r}")
    if _partial(out).exists() and not (arguments.resume or arguments.overwrite):
        raise ValueError(f"--out: expected --resume or --overwrite for an unfinished run, got {arguments.out!r} alone")
    filled = (out.exists() or out.is_symlink()) and not _is_empty_folder(out)
    if filled and not (arguments.resume or arguments.overwrite):
        raise ValueError(f"--out: expected a new path, --resume or --overwrite, got the existing {arguments.out!r}")
    if filled and not is_store(out):
        raise ValueError(f"--out: expected a Zarr store or a new path, got {arguments.out!r}, which is neither")
    return out


def is_store(path: Path) -> bool:
    """Tell whether a folder is a Zarr store; nothing else is ever overwritten."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zgroup"))


def _partial(out: Path) -> Path:
    """Where the chunks of an unfinished run lie."""
    return out.with_name(out.name + ".partial")


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


@contextmanager
def _destination(out: Path | None, arguments: Namespace) -> Iterator[Path | None]:
    """Yield where to store; an existing store is replaced only once the new one is complete."""
    if out is None or not arguments.overwrite:
        yield out
        return
    from gan_sde.simulation.store_lock import refuse_running

    refuse_running(_partial(out))
    fresh = out.with_name(f".{out.name}.new-{os.getpid()}")
    try:
        yield fresh
        if out.exists():
            old = out.with_name(f".{out.name}.old-{os.getpid()}")
            out.rename(old)
            fresh.rename(out)
            shutil.rmtree(old)
        else:
            fresh.rename(out)
        shutil.rmtree(_partial(out), ignore_errors=True)
    finally:
        for folder in (fresh, _partial(fresh)):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _option_names() -> Iterator[None]:
    """Name options, not arguments of functions, in what the library refuses."""
    try:
        yield
    except ValueError as error:
        match = re.match(r"(\w+)(?=[\[:])", str(error))
        names = {
            name: name.replace("_", "-")
            for name in (*DEFAULTS, *_PASSED, *OPTIONS, "x0", "algorithm", "antithetic", "scheduler")
        }
        names |= {"store": "out", "functionals": "functional"}
        if match is None or match[1] not in names:
            raise
        raise ValueError(f"--{names[match[1]]}{str(error)[match.end() :]}") from error
