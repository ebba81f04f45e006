"""``gan-sde derive``: field, Jacobian, gradient noise and SDE as text, LaTeX or JSON."""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from sympy import Expr, powsimp, sqrt

from gan_sde.cli.layout import terminal_width
from gan_sde.cli.sources import DEFAULT_ALGORITHM, load_game, load_training

if TYPE_CHECKING:
    from sympy import MatrixBase

    from gan_sde.symbolic.game import Game
    from gan_sde.symbolic.sde import SDE

DEFAULT_ORDER = 1


def derive(arguments: Namespace) -> int:
    """Derive and print; what was left out is assumed aloud."""
    game = load_game(arguments)
    training = load_training(arguments, game)
    sde = training.sde(order=arguments.order or DEFAULT_ORDER)
    algorithm = arguments.algorithm or DEFAULT_ALGORITHM
    text = {"text": _text, "latex": _latex, "json": _json}[arguments.format](game, sde, algorithm)
    assumed = [] if arguments.algorithm else [f"--algorithm {DEFAULT_ALGORITHM}"]
    assumed += [] if arguments.order else [f"--order {DEFAULT_ORDER}"]
    if assumed:
        print("assumed:", " ".join(assumed), file=sys.stderr)
    print(text)
    return 0


def _matrices(game: Game, sde: SDE) -> dict[str, MatrixBase]:
    return {
        "field": game.field,
        "jacobian": game.jacobian,
        "noise_covariance": game.noise_covariance,
        "noise_modes": game.noise_modes,
        "drift": sde.drift,
        "diffusion": sde.diffusion,
        "covariance": sde.covariance,
    }


# -------------------------------------------------------------------- json


def _json(game: Game, sde: SDE, algorithm: str) -> str:
    matrices = _matrices(game, sde)
    strings = {name: [[str(e) for e in row] for row in m.tolist()] for name, m in matrices.items()}
    symbols = set().union(*(m.free_symbols for m in matrices.values())) | set(sde.parameters)
    document: dict[str, Any] = {
        "game": game.name,
        "players": {player: [s.name for s in block] for player, block in game.players.items()},
        "parameters": [s.name for s in game.parameters],
        "field": strings["field"],
        "jacobian": strings["jacobian"],
        "noise_covariance": strings["noise_covariance"],
        "noise_modes": strings["noise_modes"],
        "sde": {
            "algorithm": algorithm,
            "order": sde.order,
            "lr": sde.lr.name,
            "batch_size": sde.batch_size.name,
            "state": [s.name for s in sde.parameters],
            "drift": strings["drift"],
            "diffusion": strings["diffusion"],
            "covariance": strings["covariance"],
        },
        "shapes": {name: list(m.shape) for name, m in matrices.items()},
        "symbols": sorted(s.name for s in symbols),
    }
    return re.sub(r"\[\s+(?=\"|\d)([^\[\]{}]*?)\s+\]", _one_line, json.dumps(document, indent=2))


def _one_line(match: re.Match[str]) -> str:
    """Put an innermost list on one line; no expression contains a bracket, a brace or a line break."""
    return f"[{' '.join(match[1].split())}]"


# -------------------------------------------------------------------- latex


def _latex(game: Game, sde: SDE, algorithm: str) -> str:
    from sympy import latex

    noise = rf"\Sigma &= {latex(game.noise_covariance)} \\" + "\n" + rf"M &= {latex(game.noise_modes)}"
    body = " \\\\\n".join([game.latex(), noise, sde.latex()])
    return f"% {game.name}, {algorithm}, SDE of order {sde.order}\n\\begin{{align*}}\n{body}\n\\end{{align*}}"


# -------------------------------------------------------------------- text


def _text(game: Game, sde: SDE, algorithm: str) -> str:
    names = [s.name for s in game.parameters]
    state = [s.name for s in sde.parameters]  # with the slow memory of an algorithm that has one
    players = "; ".join(f"{p} ({', '.join(s.name for s in block)})" for p, block in game.players.items())
    losses = {f"loss of {p}": e for p, e in game.losses.items()}
    lr, size = sde.lr.name, sde.batch_size.name
    clock = f"dX = drift dt + diffusion dW,  t = {lr} x iterations,  {lr} = learning rate, {size} = batch size"
    diffusion_scale, diffusion = _without(sde.diffusion, [sqrt(sde.lr / sde.batch_size), sqrt(sde.lr)])
    covariance_scale, covariance = _without(sde.covariance, [sde.lr / sde.batch_size, sde.lr])
    parts = [
        f"{game.name}: {players}",
        *(f"{w}\n  {e}" for w, e in (losses if game.payoff is None else {"payoff": game.payoff}).items()),
        _vector("field F = stacked gradients of own losses; the flow is x' = -F", names, game.field),
        _matrix("Jacobian DF", names, names, game.jacobian),
        _matrix("noise covariance of one sample", names, names, game.noise_covariance),
        _matrix("noise modes M, M M^T = noise covariance", names, None, game.noise_modes),
        f"SDE of weak order {sde.order} for {algorithm}\n  {clock}",
        _vector("drift", state, sde.drift),
        _matrix(f"diffusion{diffusion_scale}", state, None, diffusion),
        _matrix(f"covariance of the noise per unit time{covariance_scale}", state, state, covariance),
    ]
    return "\n\n".join(parts)


def _without(matrix: MatrixBase, scales: list[Expr]) -> tuple[str, MatrixBase]:
    """Take the first scale out of a matrix without which none of the scale's symbols is left."""
    for scale in scales:
        scaled = (matrix / scale).applyfunc(lambda e, scale=scale: powsimp(e.expand()))
        if not scaled.has(*scale.free_symbols) and not scaled.is_zero_matrix:
            return f" = {scale} x", scaled
    return "", matrix


def _vector(title: str, names: list[str], column: MatrixBase) -> str:
    width = max(map(len, names))
    return "\n".join([title, *(f"  {name.ljust(width)}  {e}" for name, e in zip(names, column, strict=True))])


def _matrix(title: str, rows: list[str], columns: list[str] | None, matrix: MatrixBase) -> str:
    """Print a table where it fits the terminal, else the entries that are not zero, one a line."""
    if matrix.cols == 0:
        return f"{title}\n  none"
    header = columns or [f"dW{j + 1}" for j in range(matrix.cols)]
    cells = [["", *header], *([n, *map(str, row)] for n, row in zip(rows, matrix.tolist(), strict=True))]
    widths = [max(len(row[j]) for row in cells) for j in range(len(header) + 1)]
    if sum(widths) + 2 * len(widths) <= terminal_width():
        lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)
        return "\n".join([title, *(f"  {line}" for line in lines)])
    symmetric = columns is not None and matrix == matrix.T
    entries = [
        (f"{rows[i]}, {header[j]}", e)
        for (i, j), e in sorted(matrix.todok().items(), key=lambda item: item[0])
        if not symmetric or i <= j
    ]
    width = max((len(place) for place, _ in entries), default=0)
    note = "symmetric; other entries are zero" if symmetric else "other entries are zero"
    return "\n".join([f"{title}  ({note})", *(f"  {p.ljust(width)}  {e}" for p, e in entries)])
