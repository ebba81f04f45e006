"""Batch means of products of different normals, drawn directly: which entries of a random triangle they need.

In a batch let ``u_i`` stand for the B values of base normal i as a vector, and ``u_0`` for B ones. All batch means of
He1, He2 and ``u_i u_j`` are inner products of these vectors. Orthogonalise them one after the other: the components
``A_ij`` of u_i along the directions of earlier vectors are standard normals, its remaining length ``A_ii`` is the root
of a chi-square of as many degrees of freedom as B has left, and all are independent (M. S. Bartlett, "On the theory of
statistical regression", Proc. R. Soc. Edinburgh 53 (1933), doi:10.1017/S0370164600015637). Then::

    B mean(u_i) = sqrt(B) A_i0        B mean(u_i u_j) = sum_k A_ik A_jk    over k <= j <= i

Only those directions are resolved that some mean needs: the remaining length holds all others, and vectors that no
mean connects never meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Symbol

from gan_sde.kernels.batch_statistics import hermite_bases
from gan_sde.symbolic.recipe import BatchDraws

FEWEST_DEGREES = 8
"""Degrees of freedom below which a batch is so small that its samples cost no more."""

_Key = tuple[int, int]


@dataclass(frozen=True)
class ScatterMean:
    """One batch mean that the update needs.

    Attributes
    ----------
    symbol
        Its symbol in the update.
    driver
        Position of the entry that drives it: A_i0 of He1, A_ii of He2, A_ij of a product.
    products
        Pairs of positions: the sum of the products of these entries is B times the mean of ``u_i u_j``, or of ``u_i^2``
        if all pairs are of equals. Empty for He1.
    """

    symbol: Symbol
    driver: int
    products: tuple[tuple[int, int], ...]

    @property
    def is_square(self) -> bool:
        """Whether it is a He2."""
        return bool(self.products) and all(a == b for a, b in self.products)


@dataclass(frozen=True)
class Scatter:
    """Entries of triangles, each from a normal of its own, and the means in terms of these.

    Attributes
    ----------
    lost
        In the order of drawing, for every diagonal entry how many degrees of freedom its chi-square has less than B;
        None for a plain normal. First come the drivers of the means, then what else is needed.
    means
        Batch by batch, in each the features in their order. An SDE whose noise modes are ordered likewise shares the
        drivers' normals: to leading order in 1/B, ``sqrt(B)`` times a mean is its driver.
    """

    lost: tuple[int | None, ...]
    means: tuple[ScatterMean, ...]


def scatter_of(draws: BatchDraws) -> Scatter | None:
    """Entries and means of a training; None if some mean is not of He1, He2 or a product of two He1.

    Examples
    --------
    >>> from sympy import symbols
    >>> u, v, m = symbols("u v m")
    >>> scatter_of(BatchDraws(((m,),), (u * v,), (u, v))).lost  # one component, and the length that it multiplies
    (None, 0)
    """
    known = [hermite_bases(feature, draws.normals) for feature in draws.features]
    triangles = []
    for batch in draws.batches:
        used = [(symbol, bases) for symbol, bases in zip(batch, known, strict=True) if symbol is not None]
        if any(bases is None for _, bases in used):
            return None
        triangles.append(_Triangle([(symbol, bases) for symbol, bases in used if bases is not None]))
    keys = [(t, key) for t in triangles for _, key in t.drivers]
    keys += [(t, key) for t in triangles for key in sorted(t.needed() - {key for _, key in t.drivers})]
    place = {(id(t), key): p for p, (t, key) in enumerate(keys)}
    means = [
        ScatterMean(symbol, place[id(t), key], tuple((place[id(t), a], place[id(t), b]) for a, b in t.products(*key)))
        for t in triangles
        for symbol, key in t.drivers
    ]
    return Scatter(tuple(t.lost(*key) for t, key in keys), tuple(means))


class _Triangle:
    """Triangle of one batch: rows 1, 2, ... are base normals, column 0 is along the ones."""

    def __init__(self, used: Sequence[tuple[Symbol, tuple[Symbol, ...]]]) -> None:
        partners: dict[Symbol, int] = {}
        for _, bases in used:
            for base in bases:
                partners[base] = partners.get(base, 0) + (len(set(bases)) == 2)
        # those with most partners first: the others then need no direction but theirs
        row = {base: i for i, base in enumerate(sorted(partners, key=lambda b: -partners[b]), start=1)}
        self.drivers: list[tuple[Symbol, _Key]] = []
        for symbol, bases in used:
            rows = sorted((row[base] for base in bases), reverse=True)
            self.drivers.append((symbol, (rows[0], rows[1] if len(rows) == 2 else 0)))
        self._resolved = _resolved(len(row), (key for _, key in self.drivers))

    def lost(self, i: int, j: int) -> int | None:
        """Degrees of freedom that a diagonal entry lacks."""
        return len(self._resolved[i]) if i == j else None

    def products(self, i: int, j: int) -> list[tuple[_Key, _Key]]:
        """Pairs of entries whose products add up to ``u_i . u_j``; none for the mean itself."""
        if j == 0:
            return []
        return [((i, k), (j, k)) for k in sorted(self._resolved[j])] + [((i, j), (j, j))]

    def needed(self) -> set[_Key]:
        """Entries that the means are made of."""
        pairs = [pair for _, key in self.drivers for pair in self.products(*key)]
        return {key for pair in pairs for key in pair} | {key for _, key in self.drivers}


def _resolved(rows: int, edges: Iterable[_Key]) -> list[set[int]]:
    """For every row the earlier directions along which its components are needed one by one.

    Closed in two ways. A row that has a component along direction k has one along all that make up row k; and two
    directions of one row have to be orthogonal, so the later one's row has been made so to the earlier.
    """
    resolved: list[set[int]] = [set() for _ in range(rows + 1)]
    for i, j in edges:
        if i != j:
            resolved[i].add(j)
    grown = True
    while grown:
        before = sum(map(len, resolved))
        for own in resolved:
            for k in sorted(own, reverse=True):
                own |= resolved[k]
            for k in own - {0}:
                resolved[k] |= {earlier for earlier in own if earlier < k}
        grown = sum(map(len, resolved)) > before
    return resolved
