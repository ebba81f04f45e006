"""``gan-sde games`` and ``gan-sde algorithms``."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from textwrap import shorten
from typing import Any

from gan_sde.cli.layout import table, terminal_width


def games(_: Namespace) -> int:
    """Print the registered games: players with their parameters, constants with their defaults."""
    from gan_sde import games as catalogue

    rows = []
    for name in catalogue.names():
        try:
            game = catalogue.get(name)
        except (ValueError, TypeError):  # a user's own game may need options
            rows.append([name, "(takes options)", ""])
            continue
        players = "; ".join(f"{player}: {', '.join(s.name for s in block)}" for player, block in game.players.items())
        constants = ", ".join(
            f"{s.name} = {game.defaults[s.name]:g}" if s.name in game.defaults else s.name for s in game.free_symbols
        )
        rows.append([name, players, constants or "none"])
    print(table(["game", "players and parameters", "constants"], rows, left=3))
    return 0


def algorithms(_: Namespace) -> int:
    """Print the registered algorithms, what they do and their options."""
    from gan_sde import algorithms as catalogue

    rows = []
    for name in catalogue.names():
        try:
            algorithm: Any = catalogue.get(name)
        except (ValueError, TypeError):
            rows.append([name, "(takes options)", ""])
            continue
        summary = (type(algorithm).__doc__ or "").strip().partition("\n")[0].replace("``", "")
        options = [f.name for f in dataclasses.fields(algorithm)] if dataclasses.is_dataclass(algorithm) else []
        rows.append([name, ", ".join(options) or "none", summary])
    room = terminal_width() - sum(max((len(row[j]) for row in rows), default=0) + 2 for j in range(2))
    rows = [[name, options, shorten(summary, max(room, 40), placeholder=" ...")] for name, options, summary in rows]
    print(table(["algorithm", "options", "what it does"], rows, left=3))
    return 0
