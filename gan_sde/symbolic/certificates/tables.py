"""The whole property table of the LQ-GAN: subsystem x map x property, each cell with its certificate."""

from __future__ import annotations

from collections.abc import Mapping

from gan_sde.symbolic.certificates.dimensions_table import dimensions_table, equilibrium_table
from gan_sde.symbolic.certificates.family_table import family_table
from gan_sde.symbolic.certificates.full_table import full_table
from gan_sde.symbolic.certificates.mean_table import mean_table
from gan_sde.symbolic.certificates.table import Row
from gan_sde.symbolic.certificates.variance_table import variance_table
from gan_sde.symbolic.game import Game


def property_table(games: Mapping[int, Game]) -> list[Row]:
    """Build every row from the field and Jacobian of the given games.

    Parameters
    ----------
    games
        By dimension N, the LQ-GAN with symbols for the data's law; 1 must be there.

    Raises
    ------
    ValueError
        If dimension 1 is missing, or a proof that the table relies on is not found.
    """
    if 1 not in games:
        raise ValueError(f"games: expected the game of dimension 1 among them, got {sorted(games)}")
    line = games[1]
    rows = [*mean_table(line), *variance_table(line), *family_table(line), *full_table(line), *equilibrium_table(line)]
    for dimension, game in sorted(games.items()):
        if dimension > 1:
            if dimension == 2:
                rows += mean_table(game)
            rows += [*dimensions_table(game), *equilibrium_table(game)]
    return rows
