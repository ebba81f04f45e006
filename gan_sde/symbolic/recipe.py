"""The recipe of one step of a process: what a kernel has to run, and nothing else.

A recipe is the border between the symbolic half of the project and its kernels. It names the state, the
random numbers that a step draws, and the next state as sympy expressions of both. A backend (numba, numpy,
a GPU) turns a recipe into a stepper and never looks behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from sympy import Expr, Symbol

from gan_sde.symbolic.shared_trees import TreeDigest

RATE = Symbol("eta__", positive=True)
"""Learning rate of the present iteration, and its physical duration."""
SUBSTEP = Symbol("h__", positive=True)
"""Physical duration of one integration sub-step, ``RATE / substeps`` (SDE recipes only)."""
INVERSE_BATCH = Symbol("inverse_batch__", positive=True)
"""One over the batch size; 0 for the deterministic limit."""


def relabelled(symbols: Sequence[Symbol], label: str) -> tuple[Symbol, ...]:
    """Symbols of a further path beside that of the given ones: ``x_label__`` for ``x``.

    Examples
    --------
    >>> relabelled([Symbol("x"), Symbol("normal_0__")], "coarse")
    (x_coarse__, normal_0_coarse__)
    """
    return tuple(Symbol(f"{s.name.removesuffix('__')}_{label}__", **s.assumptions0) for s in symbols)


@dataclass(frozen=True)
class GaussianDraws:
    """Random numbers of one SDE sub-step, all independent.

    Standard normals, then fair signs (-1 or +1), then ``threes``: -1, 0 or +1 with probabilities 1/6, 2/3, 1/6.
    """

    normals: tuple[Symbol, ...]
    signs: tuple[Symbol, ...] = ()
    threes: tuple[Symbol, ...] = ()

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All random symbols, in the order of drawing."""
        return (*self.normals, *self.signs, *self.threes)


@dataclass(frozen=True, eq=False)
class Table:
    """A finite data set: every sample draws one row, uniformly and with replacement.

    Parameters
    ----------
    symbols
        One symbol a column; features refer to the drawn row by them.
    values
        Array of shape ``(rows, columns)``, float64.
    """

    symbols: tuple[Symbol, ...]
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class BatchDraws:
    """Random numbers of one training iteration: means of features over batches of independent samples.

    Every batch holds ``batch_size`` samples. A sample consists of independent base variates: standard
    ``normals``, ``uniforms`` on (0, 1) and one row of each of the ``tables``. ``features`` are functions of the
    base variates, each with mean 0 and variance 1, mutually uncorrelated. The mean of ``features[k]`` over batch
    ``b`` is bound to the symbol ``batches[b][k]``; where that is None the mean is not needed.

    ``mirrors``, if there are any, are parallel to ``batches``: the same means over the mirrored batches, for the
    second path of an antithetic pair. Where means are drawn directly, a mirrored one comes from the negated normals;
    where samples are drawn, their normals are negated, uniforms u become 1 - u, and the rows of tables stay.
    """

    batches: tuple[tuple[Symbol | None, ...], ...]
    features: tuple[Expr, ...]
    normals: tuple[Symbol, ...] = ()
    uniforms: tuple[Symbol, ...] = ()
    tables: tuple[Table, ...] = ()
    mirrors: tuple[tuple[Symbol | None, ...], ...] = ()

    @cached_property
    def mirror_of(self) -> dict[Symbol, Symbol]:
        """Symbol of the mirrored mean by the symbol of the mean; empty without mirrors."""
        rows = zip(self.batches, self.mirrors, strict=True) if self.mirrors else ()
        pairs = (pair for batch, mirror in rows for pair in zip(batch, mirror, strict=True))
        return {mean: image for mean, image in pairs if mean is not None and image is not None}


@dataclass(frozen=True, eq=False)
class Recipe:
    """One step of a stochastic process as expressions.

    Parameters
    ----------
    state
        The d state symbols, in parameter order.
    update
        The d expressions of the next state, in terms of the state, the drawn symbols, ``RATE``, ``SUBSTEP``
        (SDE recipes) and ``INVERSE_BATCH``. No other free symbol is allowed.
    draws
        The random numbers of one step.
    bounds
        Per state symbol ``(low, high)``, a projection applied after each step; infinite where free.
    paths
        Paths that the state consists of, one after the other, all of one length: each is updated from its own state
        and the draws. Kernels compute them apart, so that each has the very numbers that it has alone; all diverge as
        soon as one does.
    """

    state: tuple[Symbol, ...]
    update: tuple[Expr, ...]
    draws: GaussianDraws | BatchDraws
    bounds: tuple[tuple[float, float], ...] = field(default=())
    paths: int = 1

    @property
    def dim(self) -> int:
        """Number d of state variables."""
        return len(self.state)

    @property
    def is_sde(self) -> bool:
        """Whether the recipe is a sub-step of an SDE (otherwise an iteration of a training)."""
        return isinstance(self.draws, GaussianDraws)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides the numbers; equal recipes in different processes agree on it."""
        digest, tree = hashlib.sha256(), TreeDigest()
        digest.update(repr((self.dim, self.bounds)).encode())
        digest.update(b"".join(tree(e) for e in (*self.state, *self.update)))
        if isinstance(self.draws, GaussianDraws):
            digest.update(repr((self.draws.normals, self.draws.signs)).encode())
            if self.draws.threes:
                digest.update(repr(("threes", self.draws.threes)).encode())
        else:
            draws = self.draws
            digest.update(repr((draws.batches, draws.normals, draws.uniforms)).encode())
            digest.update(repr(len(draws.features)).encode() + b"".join(tree(f) for f in draws.features))
            for table in draws.tables:
                digest.update(repr(table.symbols).encode())
                digest.update(np.ascontiguousarray(table.values).tobytes())
            if draws.mirrors:
                digest.update(repr(("mirrors", draws.mirrors)).encode())
        if self.paths != 1:
            digest.update(repr(("paths", self.paths)).encode())
        return digest.hexdigest()
