"""A catalogue of factories by name, with clear words for what it does not have."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Factories by name.

    Parameters
    ----------
    kind
        What the factories make, for messages: "game", "algorithm".
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str, factory: Callable[..., T]) -> None:
        """Make ``factory(**options)`` available as ``get(name, **options)``.

        Raises
        ------
        ValueError
            If the name is taken or the factory cannot be called.
        """
        if name in self._factories:
            raise ValueError(f"name: expected a {self._kind} name that is not taken, got {name!r}")
        if not callable(factory):
            raise ValueError(f"factory: expected a function that returns a {self._kind}, got {factory!r}")
        self._factories[name] = factory

    def names(self) -> list[str]:
        """Registered names, sorted."""
        return sorted(self._factories)

    def get(self, name: str, **options: object) -> T:
        """Make the thing of this name.

        Raises
        ------
        ValueError
            If the name or an option is unknown, or an option's value is refused.
        """
        if name not in self._factories:
            near = get_close_matches(str(name), self._factories, n=1, cutoff=0.4)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{self._kind}: expected one of {', '.join(self.names())}; got {name!r}{hint}")
        factory = self._factories[name]
        known = signature(factory).parameters
        if not any(p.kind is Parameter.VAR_KEYWORD for p in known.values()):
            for option in options:
                if option not in known:
                    expected = ", ".join(known) or "none"
                    raise ValueError(f"{self._kind} {name}: expected options {expected}; got {option!r}")
        return factory(**options)
