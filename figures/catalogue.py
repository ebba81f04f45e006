"""Every claim of the project, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from figures.papers.coupled_sdes import fluctuation_dissipation, stationary_law, weak_order
from figures.papers.crossing_the_curl import (
    map_fields,
    map_trajectories,
    mean_stage_rate,
    property_table,
    real_data,
    staged_rate,
    trajectories,
)
from figures.registry import Claim, registered

# Claims register themselves when their module is imported, by whomever and whenever: the order is stated here.
ORDER = (
    trajectories,
    weak_order,
    stationary_law,
    fluctuation_dissipation,
    map_trajectories,
    map_fields,
    property_table,
    mean_stage_rate,
    staged_rate,
    real_data,
)

GROUPS = {"lq-gan": "figures.papers.crossing_the_curl", "coupled-sdes": "figures.papers.coupled_sdes"}
"""All claims of a paper under one name."""


def claims() -> dict[str, Claim]:
    """All claims by name, in the order of the report."""
    place = {module.__name__: number for number, module in enumerate(ORDER)}
    found = registered()
    return dict(sorted(found.items(), key=lambda item: place.get(item[1].run.__module__, len(place))))


def expand(names: Iterable[str], known: Mapping[str, Claim]) -> list[str]:
    """Replace the names of groups by those of their claims; other names stay, known or not."""
    expanded: list[str] = []
    for name in names:
        package = None if name in known else GROUPS.get(name)
        members = [name] if package is None else [n for n, c in known.items() if c.run.__module__.startswith(package)]
        expanded += [n for n in members if n not in expanded]
    return expanded
