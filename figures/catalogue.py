"""Every claim of the project: importing this module registers them, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# isort: off
import figures.papers.crossing_the_curl.trajectories
import figures.papers.coupled_sdes.weak_order
import figures.papers.coupled_sdes.stationary_law
import figures.papers.coupled_sdes.fluctuation_dissipation
import figures.papers.crossing_the_curl.map_trajectories
import figures.papers.crossing_the_curl.map_fields
import figures.papers.crossing_the_curl.property_table
import figures.papers.crossing_the_curl.mean_stage_rate
import figures.papers.crossing_the_curl.staged_rate
import figures.papers.crossing_the_curl.real_data  # noqa: F401

# isort: on
from figures.registry import Claim, registered

GROUPS = {"lq-gan": "figures.papers.crossing_the_curl", "coupled-sdes": "figures.papers.coupled_sdes"}
"""All claims of a paper under one name."""


def claims() -> dict[str, Claim]:
    """All claims by name, in the order of the report."""
    return registered()


def expand(names: Iterable[str], known: Mapping[str, Claim]) -> list[str]:
    """Replace the names of groups by those of their claims; other names stay, known or not."""
    expanded: list[str] = []
    for name in names:
        package = None if name in known else GROUPS.get(name)
        members = [name] if package is None else [n for n, c in known.items() if c.run.__module__.startswith(package)]
        expanded += [n for n in members if n not in expanded]
    return expanded
