"""What a rule is that lowers the learning rate by what it observes."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array
from analysis.schedules.record import Record


class AbstractRule(ABC):
    """Lowers the rate of one training where its fluctuations say that it has become stationary.

    For a training x_{k+1} = x_k - lr d_k, by whatever algorithm, stationarity of E|x_p - c|^2 means, exactly and at
    any learning rate, for every player p and every fixed point c:

        E[(x_p - c) . d_p]  =  (lr / 2) E|d_p|^2,        dissipation = fluctuation,

    with x the state before the iteration. It is necessary for stationarity, not sufficient. A player whose noise
    vanishes at the equilibrium approaches it for ever and never balances: do not make a rule wait for it.

    Attributes
    ----------
    rate : float
        Present rate as a multiple of the first; 1 at the start.
    drops : int
        How often it fell.
    period : int
        Observations between checks.

    References
    ----------
    Yaida (2018), arXiv 1810.00004, for stochastic gradient descent; Cao & Guo (2020), arXiv 2006.02047, for games.
    """

    def __init__(self, *, factor: float, period: int, keep: float) -> None:
        self.rate, self.drops, self.period = 1.0, 0, count("period", period, 1)
        self._factor, self._record, self._since = factor, Record(keep), 0
        self._players: int | None = None

    def observe(self, dissipation: ArrayLike, fluctuation: ArrayLike) -> bool:
        """Take in what was measured on one step, or on several in turn; return whether the rate fell.

        Parameters
        ----------
        dissipation, fluctuation : array, shape (players,) or (n, players)
            `(x_p - c) . d_p` and `lr |d_p|^2 / 2`, of the same players every time. The steps had better not be
            successive iterations: see the rule.

        Raises
        ------
        ValueError
            Numbers that are not finite, two shapes, or another number of players than before.
        """
        left, right = (np.atleast_2d(finite_array(*a, (1, 2))) for a in named_sides(dissipation, fluctuation))
        if left.shape != right.shape:
            raise ValueError(f"fluctuation: expected shape {left.shape}, got {right.shape}")
        if self._players not in (None, left.shape[1]):
            raise ValueError(f"dissipation: expected shape (n, {self._players}) as before, got {left.shape}")
        rows, fell = np.stack([left, right], axis=1), False
        while len(rows):
            head, rows = np.split(rows, [self.period - self._since])
            self._record.add(head)
            self._since = (self._since + len(head)) % self.period
            if self._since == 0 and self._is_stationary(self._record):
                self.rate, self.drops, fell = self.rate * self._factor, self.drops + 1, True
                self._record.clear()
        self._players = left.shape[1]
        return fell

    @abstractmethod
    def _is_stationary(self, record: Record) -> bool:
        """Decide, from a record of rows (dissipation, fluctuation), each (players,)."""

    def state_dict(self) -> dict[str, Any]:
        """All that the rule knows, as numbers and lists; not its settings."""
        numbers = {"rate": self.rate, "drops": self.drops, "since": self._since, "players": self._players}
        return {**numbers, "record": self._record.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.rate, self.drops, self._since = float(state["rate"]), int(state["drops"]), int(state["since"])
        self._players = state.get("players")  # states of old do not say
        self._record.load_state_dict(state["record"])


def named_sides(dissipation: ArrayLike, fluctuation: ArrayLike) -> tuple[tuple[str, ArrayLike], tuple[str, ArrayLike]]:
    """Both sides with their names, for messages."""
    return ("dissipation", dissipation), ("fluctuation", fluctuation)


def two_sides(rows: Array) -> tuple[Array, Array]:
    """Dissipation and fluctuation of rows (..., 2, players)."""
    return rows[..., 0, :], rows[..., 1, :]
