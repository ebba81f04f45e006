"""Rows of a property table: subsystem, map, property, certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Integer, Rational, Symbol

from gan_sde.symbolic.certificates.certify import certify_problem
from gan_sde.symbolic.certificates.domain import POSITIVE
from gan_sde.symbolic.certificates.properties import AbstractProperty, Monotone, Pseudomonotone, Quasimonotone
from gan_sde.symbolic.certificates.results import Certificate, Problem, Proved, Refuted, Unknown
from gan_sde.symbolic.certificates.subsystems import Parts
from gan_sde.symbolic.game import Game

ALPHA, BETA, ETA = Symbol("alpha"), Symbol("beta"), Symbol("eta")
"""Step of the maximiser's look-ahead, weight of ``J^T F``, weight of the penalty."""
MODULUS = Symbol("c")
"""A positive modulus, or what is added to one, that is free."""
WEIGHTS = {ALPHA: POSITIVE, BETA: POSITIVE, ETA: POSITIVE}
TENTH = Rational(1, 10)
EXAMPLES = {ALPHA: TENTH, BETA: TENTH, ETA: TENTH}
"""At which counterexamples are looked for."""
UNROLLED_STEPS = 2

CLASSES: tuple[AbstractProperty, ...] = (Monotone(), Pseudomonotone(), Quasimonotone())


@dataclass(frozen=True, eq=False)
class Row:
    """One cell of the table with its certificate.

    Parameters
    ----------
    section
        The subsystem.
    map
        The map.
    claim
        The property in words, with its scope.
    certificate
        Proof, counterexample, or the evidence for neither.
    """

    section: str
    map: str
    claim: str
    certificate: Certificate

    @property
    def answer(self) -> str:
        """``"yes"``, ``"no"`` or ``"unknown"``."""
        return {Proved: "yes", Refuted: "no", Unknown: "unknown"}[type(self.certificate)]


@dataclass(frozen=True)
class Author:
    """Writes rows of one section about one map."""

    section: str
    map: str

    def certify(self, problem: Problem, claim: AbstractProperty, words: str, **options: Any) -> Row:
        """Certify and note down."""
        return self.note(words, certify_problem(problem, claim, **{"examples": EXAMPLES, **options}))

    def note(self, words: str, certificate: Certificate | None) -> Row:
        """Note a certificate down; None, a proof that was expected and not found, raises ValueError."""
        if certificate is None:
            raise ValueError(f"certificate: expected one for {self.section}, {self.map}, {words}; none was found")
        return Row(self.section, self.map, words, certificate)

    def classes(self, problem: Problem, **options: Any) -> list[Row]:
        """Monotone, pseudo- and quasimonotone; one counterexample serves all three where it can."""
        weakest = certify_problem(problem, Quasimonotone(), **{"examples": EXAMPLES, **options})
        rows = []
        for claim, words in zip(CLASSES, ("monotone", "pseudomonotone", "quasimonotone"), strict=True):
            if isinstance(weakest, Refuted):
                rows.append(self.note(words, Refuted(problem, claim, weakest.counterexample)))
            else:
                rows.append(self.certify(problem, claim, words, **options))
        return rows


def identity_data(game: Game) -> dict[Symbol, Rational]:
    """Example constants: data of mean 0 and covariance I, and the example weights."""
    parts = Parts(game)
    values = {parts.equilibrium[s]: Integer(0) for s in parts.shift}
    values |= {s: Integer(i == j) for (i, j), s in parts.learned.items()}
    return {**values, **EXAMPLES}


def select(rows: Sequence[Row], section: str, map_: str) -> dict[str, Row]:
    """Rows of one section and map, by claim."""
    return {row.claim: row for row in rows if row.section == section and row.map == map_}
