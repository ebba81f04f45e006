"""Exact expectations over the data, and the chaos expansion of a random vector field.

A per-sample field ``F(x, xi)`` is written as ``F(x) + sum_k g_k(x) Psi_k(xi)`` with functions ``Psi_k`` of the data
that have mean 0, variance 1 and no mutual correlation. The mean and an exact, polynomial factor of the covariance
are then read off. Over a batch of B samples the ``Psi_k`` are replaced by their batch means, whose joint moments are
polynomials in 1/B; `batch_moment` gives them exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TypeAlias

from sympy import Expr, ImmutableMatrix, Integer, Mul, Symbol

from gan_sde.symbolic.distributions import AbstractDistribution, Expansion
from gan_sde.symbolic.products import NoPolynomialError, Products
from gan_sde.symbolic.recipe import Table

DataKey: TypeAlias = "Symbol | tuple[Symbol, ...]"


@dataclass(frozen=True, eq=False)
class Chaos:
    """Chaos expansion of a vector of expressions.

    Parameters
    ----------
    mean
        Expectation, ``d x 1``.
    modes
        Coefficients ``g_k`` of the functions, ``d x m``; ``modes * modes.T`` is the per-sample covariance.
    functions
        The m functions ``Psi_k`` of the base variates.
    keys
        Per function, which function of which source it multiplies: ``((source, index), ...)``.
    """

    mean: ImmutableMatrix
    modes: ImmutableMatrix
    functions: tuple[Expr, ...]
    keys: tuple[tuple[tuple[int, int], ...], ...]
    laws: tuple[AbstractDistribution, ...]
    expansions: tuple[Expansion, ...]
    _moments: dict = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Number m of functions."""
        return len(self.functions)

    @cached_property
    def normals(self) -> tuple[Symbol, ...]:
        """Standard normals that one sample draws."""
        return tuple(s for e in self.expansions for s in e.normals)

    @cached_property
    def uniforms(self) -> tuple[Symbol, ...]:
        """Uniform variates on (0, 1) that one sample draws."""
        return tuple(s for e in self.expansions for s in e.uniforms)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """Finite data sets that one sample draws a row of."""
        return tuple(Table(tuple(e.functions), e.table) for e in self.expansions if e.table is not None)

    def moment(self, indices: Sequence[int]) -> Expr:
        """Per-sample mean ``E[Psi_i Psi_j ...]`` of the functions with these indices, repeats allowed."""
        key = tuple(sorted(indices))
        if len(key) < 3:  # orthonormal by construction
            return Integer(not key or (len(key) == 2 and key[0] == key[1]))
        if key not in self._moments:
            by_source: dict[int, list[int]] = {}
            for index in key:
                for source, function in self.keys[index]:
                    by_source.setdefault(source, []).append(function)
            self._moments[key] = Mul(*(self.laws[s].moment(self.expansions[s], fs) for s, fs in by_source.items()))
        return self._moments[key]

    def batch_moment(self, indices: Sequence[int], batch_size: Expr) -> Expr:
        """Mean of the product of batch means of the functions with these indices.

        Sums over the set partitions of the factors: the factors of one block fall on the same sample, different
        blocks on different samples, and a block of one vanishes because every function has mean 0.
        """
        total: Expr = Integer(0)
        for partition in _partitions_without_singletons(tuple(indices)):
            ways: Expr = Integer(1)
            for j in range(len(partition)):
                ways *= batch_size - j
            total += ways * Mul(*(self.moment(block) for block in partition))
        return (total / batch_size ** len(indices)).expand()


def _partitions_without_singletons(items: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    # the block of `first` takes at least one further item
    for mask in range(1, 1 << len(rest)):
        block = (first, *(x for k, x in enumerate(rest) if mask >> k & 1))
        others = tuple(x for k, x in enumerate(rest) if not mask >> k & 1)
        for partition in _partitions_without_singletons(others):
            yield [block, *partition]


def chaos(expressions: Sequence[Expr], data: Mapping[DataKey, AbstractDistribution]) -> Chaos:
    """Expand expressions of the data symbols in orthonormal functions of the data.

    Parameters
    ----------
    expressions
        d expressions, polynomial in the data symbols (any expression where the law is a finite data set).
    data
        The law of each data symbol, or jointly of several; the entries are independent.

    Examples
    --------
    >>> from sympy import symbols
    >>> from gan_sde.symbolic.distributions import Normal
    >>> x, y, sigma = symbols("x y sigma")
    >>> expansion = chaos([x * y**2], {y: Normal(0, sigma)})
    >>> expansion.mean, expansion.modes
    (Matrix([[sigma**2*x]]), Matrix([[sqrt(2)*sigma**2*x]]))
    """
    terms: dict[tuple[tuple[int, int], ...], list[Expr]] = {(): list(expressions)}
    functions: dict[tuple[tuple[int, int], ...], Expr] = {(): Integer(1)}
    laws, expansions = tuple(data.values()), []
    for source, (key, law) in zip(count(), data.items()):
        symbols = key if isinstance(key, tuple) else (key,)
        labels = list(terms)
        flat = [expression for label in labels for expression in terms[label]]
        expansion = law.expand(symbols, flat)
        expansions.append(expansion)
        terms, functions = _refine(source, labels, terms, functions, expansion)
    mean = terms.pop(())
    functions.pop(())
    order = sorted(terms, key=lambda label: (label[0][0], len(label), label))
    columns = [ImmutableMatrix(terms[label]) for label in order]
    return Chaos(
        mean=ImmutableMatrix([expanded_polynomial(e) for e in mean]),
        modes=ImmutableMatrix.hstack(*columns) if columns else ImmutableMatrix.zeros(len(mean), 0),
        functions=tuple(functions[label] for label in order),
        keys=tuple(order),
        laws=laws,
        expansions=tuple(expansions),
    )


def _refine(
    source: int,
    labels: list,
    terms: dict[tuple[tuple[int, int], ...], list[Expr]],
    functions: dict[tuple[tuple[int, int], ...], Expr],
    expansion: Expansion,
) -> tuple[dict, dict]:
    """Multiply the expansion so far by that of one more source."""
    refined: dict[tuple[tuple[int, int], ...], list[Expr]] = {}
    refined_functions: dict[tuple[tuple[int, int], ...], Expr] = {(): Integer(1)}
    rows = iter(expansion.coefficients)
    for label in labels:
        block = [next(rows) for _ in terms[label]]
        for k in range(len(expansion.functions) + 1):
            vector = [expanded_polynomial(row[k]) for row in block]
            if label == () and k == 0:
                refined[()] = vector
            elif any(v != 0 for v in vector):
                new = label if k == 0 else (*label, (source, k - 1))
                refined[new] = vector
                factor = Integer(1) if k == 0 else expansion.functions[k - 1]
                refined_functions[new] = functions[label] * factor
    return refined, refined_functions


def expanded_polynomial(e: Expr) -> Expr:
    """A polynomial expanded, another expression as it is."""
    try:
        return Products(quotients=False).expanded(e)
    except NoPolynomialError:
        return e.expand() if e.is_polynomial() else e
