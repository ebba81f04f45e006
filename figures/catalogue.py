"""Every claim of the project: importing this module registers them, in the order of the report."""

from __future__ import annotations

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


def claims() -> dict[str, Claim]:
    """All claims by name, in the order of the report."""
    return registered()
