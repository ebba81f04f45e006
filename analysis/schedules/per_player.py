"""A rule of its own for each player."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array
from analysis.schedules.rule import AbstractRule, named_sides


class PerPlayer:
    """One rule a player: each player's rate falls when that player's own fluctuations say so.

    Parameters
    ----------
    rule : AbstractRule, or sequence of them
        Copied for every player; or one a player, in order, with equal periods.
    players : int, optional
        How many; not needed with a sequence.

    Attributes
    ----------
    rate : array, shape (players,)
        Present rates as multiples of the first ones.
    drops : int
        How often any of them fell.
    period : int
        Observations between checks.

    Notes
    -----
    A level of confidence is then each player's own. A player whose rate falls disturbs the others' stationarity; their
    records are kept, so that a rule without a look at trends may be slow, but not quick, to notice.

    Examples
    --------
    >>> from analysis.schedules import YaidaRule
    >>> rule = PerPlayer(YaidaRule(tolerance=0.1, reduction=0.5, period=2), players=2)
    >>> rule.observe([[1.0, 3.0], [1.0, 3.0]], np.ones((2, 2))), rule.rate.tolist()  # only the first balances
    (True, [0.5, 1.0])
    """

    def __init__(self, rule: AbstractRule | Sequence[AbstractRule], players: int | None = None) -> None:
        if isinstance(rule, AbstractRule):
            self.rules = [deepcopy(rule) for _ in range(count("players", players or 0, 1))]
        else:
            self.rules = [deepcopy(entry) for entry in rule]
            if not self.rules or not all(isinstance(entry, AbstractRule) for entry in self.rules):
                raise ValueError(f"rule: expected a rule or one a player, got {rule!r}")
            if players is not None and players != len(self.rules):
                raise ValueError(f"players: expected {len(self.rules)}, one a rule, got {players!r}")
        periods = {entry.period for entry in self.rules}
        if len(periods) > 1:
            raise ValueError(f"rule: expected equal periods, got {sorted(periods)}")
        self.period = periods.pop()

    @property
    def rate(self) -> Array:
        """Present rates as multiples of the first ones, (players,)."""
        return np.array([rule.rate for rule in self.rules])

    @property
    def drops(self) -> int:
        """How often any rate fell."""
        return sum(rule.drops for rule in self.rules)

    def observe(self, dissipation: ArrayLike, fluctuation: ArrayLike) -> bool:
        """Take in what was measured, shape (players,) or (n, players); return whether any rate fell."""
        left, right = (np.atleast_2d(finite_array(*a, (1, 2))) for a in named_sides(dissipation, fluctuation))
        for name, side in (("dissipation", left), ("fluctuation", right)):
            if side.shape != (len(left), len(self.rules)):
                raise ValueError(f"{name}: expected shape (n, {len(self.rules)}), got {side.shape}")
        return any([rule.observe(left[:, [k]], right[:, [k]]) for k, rule in enumerate(self.rules)])

    def state_dict(self) -> dict[str, Any]:
        """All that the rules know, as numbers and lists; not their settings."""
        return {"rules": [rule.state_dict() for rule in self.rules]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        if len(state["rules"]) != len(self.rules):
            raise ValueError(f"state_dict: expected {len(self.rules)} rules, got {len(state['rules'])}")
        for rule, own in zip(self.rules, state["rules"], strict=True):
            rule.load_state_dict(own)
