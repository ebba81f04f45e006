"""Every claim of the project, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from figures.papers.adversarial_training import feedback_rate, optimal_rate, robust_accuracy, robust_sde
from figures.papers.coupled_sdes import (
    assumptions,
    densities,
    fluctuation_dissipation,
    gaussian_limit,
    schedules,
    stationary_law,
    weak_order,
    weak_order_long,
)
from figures.papers.crossing_the_curl import (
    basins,
    digits,
    map_comparison,
    map_fields,
    map_trajectories,
    mean_stage_rate,
    merry_go_round,
    mixture,
    property_table,
    real_data,
    staged_rate,
    staged_stages,
    trajectories,
)
from figures.papers.discretisation_drift import discretisation_drift
from figures.papers.minimax_sdes import closed_forms, extragradient_control, extragradient_step, fields
from figures.registry import Claim, registered

# Claims register themselves when their module is imported, by whomever and whenever: the order is stated here.
ORDER = (
    trajectories,
    weak_order,
    weak_order_long,
    assumptions,
    stationary_law,
    gaussian_limit,
    densities,
    fluctuation_dissipation,
    schedules,
    merry_go_round,
    map_trajectories,
    map_fields,
    map_comparison,
    basins,
    property_table,
    mean_stage_rate,
    staged_stages,
    staged_rate,
    real_data,
    mixture,
    digits,
    optimal_rate,
    feedback_rate,
    robust_sde,
    robust_accuracy,
    closed_forms,
    extragradient_step,
    extragradient_control,
    fields,
    discretisation_drift,
)

GROUPS = {
    "lq-gan": "figures.papers.crossing_the_curl",
    "coupled-sdes": "figures.papers.coupled_sdes",
    "weak-order": "figures.papers.coupled_sdes.weak_order",
    "adversarial-training": "figures.papers.adversarial_training",
    "minimax-sdes": "figures.papers.minimax_sdes",
    "drift": "figures.papers.discretisation_drift",
}
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
