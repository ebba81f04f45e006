"""A claim that was run."""

from __future__ import annotations

from dataclasses import dataclass

from figures.registry import Check, Claim, Outcome, Table


def verdict(passed: bool) -> str:
    """Return the verdict as a word."""
    return "passed" if passed else "failed"


@dataclass(frozen=True)
class Result:
    """A claim that was run.

    Parameters
    ----------
    claim
        The claim.
    outcome
        What its run brought, or None if it raised.
    error
        The exception as one line, empty if there was none.
    picture
        File of the figure inside the report's folder, or None.
    seconds
        Wall time.
    """

    claim: Claim
    outcome: Outcome | None
    error: str
    picture: str | None
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it ran, checked something, and every check holds."""
        checks = self.outcome.checks if self.outcome else ()
        return not self.error and bool(checks) and all(check.passed for check in checks)

    @property
    def headline(self) -> Check:
        """The check that stands for the claim: the first that failed, else the first."""
        checks = self.outcome.checks if self.outcome else ()
        if self.error or not checks:
            return Check(self.claim.name, "", self.error or "nothing was checked", None, False)
        return next((check for check in checks if not check.passed), checks[0])

    @property
    def tables(self) -> tuple[Table, ...]:
        """The detailed tables; none if it raised."""
        return self.outcome.tables if self.outcome else ()
