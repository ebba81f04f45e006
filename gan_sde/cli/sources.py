"""The game, the algorithm and the training that a command line names."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_sde.cli.arguments import collect, nest

if TYPE_CHECKING:
    from gan_sde.symbolic.game import Game
    from gan_sde.symbolic.training import Training

DEFAULT_ALGORITHM = "sgda"


def load_game(arguments: Namespace) -> Game:
    """Return the game that GAME names, registered or from a file, with the constants of ``--set``."""
    from gan_sde import games

    options = nest(collect("--game-options", arguments.game_options))
    name: str = arguments.game
    if name in games.names():
        game = _made("--game-options", games.get, name, options)
    elif _is_file_like(name):
        from gan_sde.symbolic.game_file import load_game as load_file

        if options:
            raise ValueError(f"--game-options: expected none for a game file, got {', '.join(options)}")
        game = load_file(name)
    else:
        try:
            return games.get(name)  # raises, with the names that are near
        except ValueError as error:
            raise ValueError(f"GAME: {str(error).removeprefix('game: ')}; or a TOML file") from None
    return set_constants(game, collect("--set", arguments.values))


def set_constants(game: Game, values: dict[str, float]) -> Game:
    """Give constants their values; unknown ones are refused under the option's name."""
    try:
        return game.subs(values) if values else game
    except ValueError as error:
        raise ValueError(f"--set: {str(error).removeprefix('subs: ')}") from error


def load_training(arguments: Namespace, game: Game) -> Training:
    """Return the training of ``game`` under ``--algorithm``, default simultaneous descent-ascent."""
    from gan_sde import algorithms
    from gan_sde.symbolic.training import Training

    name = arguments.algorithm or DEFAULT_ALGORITHM
    options = nest(collect("--algorithm-options", arguments.algorithm_options))
    if name not in algorithms.names():
        try:
            algorithms.get(name)
        except ValueError as error:
            raise ValueError(f"--algorithm: {str(error).removeprefix('algorithm: ')}") from None
    training = Training(game, _made("--algorithm-options", algorithms.get, name, options))
    if options and game.arrays is None:
        # Some options can only be judged against the players of the game: derive now, under the option's name.
        _made("--algorithm-options", lambda _, **__: training.update, name, options)
    return training


def _made(argument: str, get: Any, name: str, options: dict[str, Any]) -> Any:
    try:
        return get(name, **options)
    except ValueError as error:
        raise ValueError(f"{argument}: {error}" if options else str(error)) from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{argument}: expected values that {name} takes, got {options!r:.200}") from error


def _is_file_like(name: str) -> bool:
    return name.lower().endswith(".toml") or os.sep in name or Path(name).is_file()
