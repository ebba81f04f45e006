"""Whether a saved state has the entries of the object that is to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_sde.symbolic.validation import shown


def check_entries(state: Any, like: Mapping[str, Any], *, free: tuple[str, ...] = (), name: str = "state_dict") -> None:
    """Raise ValueError unless a state has the keys of another, and so do the mappings and lists of mappings inside.

    Parameters
    ----------
    state
        What is to be loaded.
    like
        The present state of the object that loads it.
    free
        Entries whose insides may differ.
    name
        What the message calls the state.

    Examples
    --------
    >>> check_entries({"rate": 1.0}, {"rate": 0.5})
    """
    if not isinstance(state, Mapping) or set(state) != set(like):
        got = ", ".join(map(str, state)) or "none" if isinstance(state, Mapping) else shown(state)
        raise ValueError(f"{name}: expected entries {', '.join(like)}; got {got}")
    for key, own in like.items():
        inner, place = state[key], f"{name}[{key!r}]"
        if key in free:
            continue
        if isinstance(own, Mapping):
            check_entries(inner, own, free=free, name=place)
        elif isinstance(own, list) and own and isinstance(own[0], Mapping):
            if not isinstance(inner, list) or len(inner) != len(own):
                got = f"{len(inner)}" if isinstance(inner, list) else shown(inner)
                raise ValueError(f"{place}: expected a list of {len(own)}, got {got}")
            for k, (entry, each) in enumerate(zip(inner, own, strict=True)):
                check_entries(entry, each, free=free, name=f"{place}[{k}]")
