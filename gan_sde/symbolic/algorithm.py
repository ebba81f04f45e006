"""What a training algorithm is, with and without memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import signature
from typing import Any

from sympy import MatrixBase

from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import shown

A_STEP = (
    "use only sums, multiples by numbers and eta, and calls of the oracle (oracle.square(v) for squares; "
    "no comparisons, indices or numpy functions)"
)
"""What the text of a step may do, since it has to run on columns of symbols and on series."""


class AbstractAlgorithm(ABC):
    """One iteration of a training method, written over an oracle.

    The text of `step` uses nothing but the oracle and arithmetic, so that it runs on sympy columns, arrays and
    tensors alike: the SDE, the kernel and the trainer of a method cannot disagree.
    """

    @abstractmethod
    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """Return the next state.

        Parameters
        ----------
        oracle
            Access to the game.
        x
            State, of the oracle's kind: ``d x 1`` or ``(n, d)``.
        eta
            Learning rate.
        """


class AbstractMemoryAlgorithm(ABC):
    """One iteration of a method that carries vectors beyond the state: velocities, past gradients, averages."""

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the carried vectors, each of the state's shape."""

    @abstractmethod
    def start(self, x: Any) -> tuple[Any, ...]:
        """Return the carried vectors at the start, from the state at the start."""

    @abstractmethod
    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return the next state and the next carried vectors; arguments as in `AbstractAlgorithm.step`."""


def run_step(
    algorithm: Any, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any
) -> tuple[Any, tuple[Any, ...]]:
    """One iteration of any algorithm."""
    if isinstance(algorithm, AbstractMemoryAlgorithm):
        return algorithm.step(oracle, x, memory, eta)
    return algorithm.step(oracle, x, eta), ()


def run_symbolic_step(
    algorithm: Any, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any
) -> tuple[Any, tuple[Any, ...]]:
    """`run_step` in symbols, where a mistake in the text of a user's own algorithm shows first.

    Raises
    ------
    ValueError
        If the text does what a step cannot do, or returns something else than the next state and memory.
    """
    name = type(algorithm).__name__
    try:
        result = run_step(algorithm, oracle, x, memory, eta)
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).partition(": expected ")[2]:
            raise  # one of our own lines, which names an argument
        got = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise ValueError(f"algorithm: expected {name}.step to {A_STEP}; got {got}") from error
    if not isinstance(algorithm, AbstractMemoryAlgorithm):
        _check_vector(name, "the next state", result[0], x)
        return result
    count = len(memory)
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], (tuple, list)):
        expected = f"(x, ({', '.join(slots_of(algorithm))},))"
        raise ValueError(f"algorithm: expected {name}.step to return {expected}, got {_kind(result)}")
    moved, carried = result
    if len(carried) != count:
        raise ValueError(
            f"algorithm: expected {name}.step to return as many carried vectors as slots, {count}, got {len(carried)}"
        )
    for what, value in (("the next state", moved), *zip(slots_of(algorithm), carried, strict=True)):
        _check_vector(name, what, value, x)
    return moved, tuple(carried)


def check_algorithm(algorithm: Any) -> None:
    """Raise ValueError unless something can be an algorithm: an object with ``step(oracle, x, eta)``, or with memory.

    A method with memory has to derive from `AbstractMemoryAlgorithm`, by which it is told from one without.
    """
    step = getattr(algorithm, "step", None)
    if isinstance(algorithm, type):
        raise ValueError(
            f"algorithm: expected an object with step(oracle, x, eta), got the class {algorithm.__name__}; "
            f"use {algorithm.__name__}()"
        )
    if not callable(step):
        raise ValueError(
            f"algorithm: expected an object with step(oracle, x, eta), got {shown(algorithm)}; "
            "use gan_sde.algorithms.get(name)"
        )
    name = type(algorithm).__name__
    has_memory = isinstance(algorithm, AbstractMemoryAlgorithm)
    arguments = ("oracle", "x", "memory", "eta") if has_memory else ("oracle", "x", "eta")
    try:
        signature(step).bind(*arguments)
    except TypeError as error:
        hint = "" if has_memory else "; a method with memory derives from AbstractMemoryAlgorithm"
        raise ValueError(
            f"algorithm: expected {name}.step({', '.join(arguments)}), got step{signature(step)}{hint}"
        ) from error
    except ValueError:
        return  # a builtin without a signature: the step itself will tell
    if has_memory:
        slots = algorithm.slots
        if not isinstance(slots, tuple) or not all(isinstance(s, str) and s.isidentifier() for s in slots):
            raise ValueError(f"algorithm: expected {name}.slots to be a tuple of names, got {shown(slots)}")
        if len(set(slots)) < len(slots):
            raise ValueError(f"algorithm: expected {name}.slots to be different names, got {shown(slots)}")


def started(algorithm: Any, x: Any) -> tuple[Any, ...]:
    """What an algorithm carries at the start ``x``, an array ``(n, d)``; nothing for one without memory."""
    if not isinstance(algorithm, AbstractMemoryAlgorithm):
        return ()
    carried, slots = algorithm.start(x), algorithm.slots
    fits = isinstance(carried, (tuple, list)) and len(carried) == len(slots)
    if not fits or any(getattr(v, "shape", None) != x.shape for v in carried):
        got = _kind(tuple(carried) if isinstance(carried, list) else carried)
        raise ValueError(
            f"algorithm: expected {type(algorithm).__name__}.start to return a tuple of one vector like x a slot "
            f"({', '.join(slots)}), got {got}"
        )
    return tuple(carried)


def _check_vector(name: str, what: str, value: Any, x: Any) -> None:
    same_kind = isinstance(value, MatrixBase if isinstance(x, MatrixBase) else type(x))
    if not same_kind or _shape(value) != _shape(x):
        raise ValueError(f"algorithm: expected {name}.step to return {what} as a vector like x, got {_kind(value)}")


def _shape(value: Any) -> Any:
    """Rows and columns of a column, or of the coefficients of a series."""
    return getattr(getattr(value, "coefficients", (value,))[0], "shape", None)


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_kind, value))})"
    shape = _shape(value)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {shape}"


def slots_of(algorithm: Any) -> tuple[str, ...]:
    """Names of the vectors that an algorithm carries; none for one without memory."""
    return algorithm.slots if isinstance(algorithm, AbstractMemoryAlgorithm) else ()
