"""Labelled variables of observables, histograms, quantiles and functionals."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from gan_sde.simulation.functionals import Functionals
from gan_sde.simulation.histograms import Bins, Histograms
from gan_sde.simulation.observables import Observables
from gan_sde.simulation.observation import Observation
from gan_sde.simulation.quantiles import QuantileSketch
from gan_sde.simulation.results import Result


def observed_variables(observation: Observation, result: Result, paths: int = 1) -> dict[str, Any]:
    """Variables and coordinates by name; see `gan_sde.simulate` for what they are.

    ``paths`` successive trajectories are of one lane, and not independent.
    """
    found: dict[str, Any] = {}
    if result.observables is not None:
        found |= _observables(result.observables, list(observation.observables), paths)
    if result.histograms is not None:
        found |= _histograms(result.histograms, observation.bins)
    if result.quantiles is not None:
        found |= _quantiles(result.quantiles, observation.probabilities)
    if result.functional is not None:
        found |= _functionals(result.functional, observation.functionals, paths)
    return found


def _names(names: Any) -> np.ndarray:
    # variable-length strings: the only kind of text that the zarr format specifies
    return np.array(list(names), dtype=object)


def _observables(observables: Observables, names: list[str], paths: int) -> dict[str, Any]:
    covariance = observables.covariance_of_mean()
    mean = np.where(observables.count[:, None] > 0, observables.mean, np.nan)
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return {
        "observable_mean": (("step", "observable"), mean),
        "observable_se": (("step", "observable"), se),
        "observable_cov": (("step", "observable", "observable_"), covariance),
        "n": ("step", paths * observables.count),
        "observable": xr.IndexVariable("observable", _names(names)),
        "observable_": xr.IndexVariable("observable_", _names(names)),
    }


def _histograms(histograms: Histograms, bins: tuple[Bins, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for counts, each in zip(histograms.counts, bins, strict=True):
        dims = [f"bin_{axis}" for axis in each.axes]
        found[f"histogram_{each.label}"] = (("step", *dims), counts)
        for axis, dim, edges in zip(each.axes, dims, each.edges, strict=True):
            found[f"lower_{axis}"] = (dim, np.concatenate([[-np.inf], edges]))
    return found


def _quantiles(sketch: QuantileSketch, probabilities: np.ndarray) -> dict[str, Any]:
    return {
        "quantiles": (("step", "quantile", "param"), sketch.quantiles(probabilities)),
        "quantile_rank_error": ("step", sketch.probability_error()),
        "n": ("step", sketch.alive),
        "quantile": xr.IndexVariable("quantile", probabilities),
    }


def _functionals(values: np.ndarray, functionals: Functionals, paths: int) -> dict[str, Any]:
    """Means over known values; a pair of which only one is known counts with that one.

    The standard error is that of a ratio of sums over independent lanes (W. G. Cochran, "Sampling techniques", 1977,
    section 6.3): of single trajectories the usual one, of whole pairs that of the pairs' means.
    """
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    lanes = known.reshape(-1, paths, known.shape[1]).any(axis=1).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / n
        deviations = np.where(known, values - mean, 0.0).reshape(-1, paths, known.shape[1]).sum(axis=1)
        squares = (deviations**2).sum(axis=0)
        se = np.where(lanes > 1, np.sqrt(squares / ((lanes - 1) * (n * (n / lanes)))), np.nan)
    return {
        "functional_value": (("trajectory", "functional"), values),
        "functional_mean": ("functional", mean),
        "functional_se": ("functional", se),
        "functional_n": ("functional", n),
        "functional": xr.IndexVariable("functional", _names(functionals.names)),
    }
