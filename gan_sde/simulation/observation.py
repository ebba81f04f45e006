"""What a simulation records beside moments and states: checked requests, and their text for provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from gan_sde.simulation.expressions import Evaluator, read_expression
from gan_sde.simulation.functionals import ExitTime, Functionals, RunningMax, TimeAverage, named_items
from gan_sde.simulation.histograms import Bins
from gan_sde.simulation.quantiles import CAPACITY
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.shared_trees import TreeDigest
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.validation import finite_array, shown

MEMORY_HINT = " (record 'memory' gives those that the algorithm carries)"


@dataclass(frozen=True, eq=False)
class Observation:
    """Checked requests.

    Attributes
    ----------
    symbols
        Recorded state variables: the parameters, and on demand the memory.
    observables
        Name to expression in them.
    bins
        Histograms.
    probabilities
        Of the quantiles, increasing.
    functionals
        Of whole trajectories.
    """

    symbols: tuple[Symbol, ...]
    observables: Mapping[str, Expr]
    bins: tuple[Bins, ...]
    probabilities: np.ndarray
    functionals: Functionals

    @cached_property
    def evaluate(self) -> Evaluator:
        """Observables of the recorded state."""
        return Evaluator(self.symbols, list(self.observables.values()))

    @property
    def at_checkpoints(self) -> bool:
        """Whether anything is taken at checkpoints."""
        return bool(self.observables or self.bins or len(self.probabilities))

    def bytes_needed(self, checkpoints: int, trajectories: int) -> int:
        """Memory of one summary of all trajectories."""
        number = len(self.observables)
        values = number * (number + 1) + sum(int(np.prod(bins.shape)) for bins in self.bins)
        if len(self.probabilities):
            levels = max(trajectories // CAPACITY, 1).bit_length() + 1
            values += len(self.symbols) * CAPACITY * levels
        return 8 * (checkpoints * values + trajectories * len(self.functionals.names))

    @property
    def text(self) -> str:
        """Everything that decides the recorded numbers; empty where nothing was asked for."""
        if not (self.at_checkpoints or self.functionals.names):
            return ""
        bins = [(each.names, [edges.tolist() for edges in each.edges]) for each in self.bins]
        kinds = [(type(kind).__name__, *_parts(kind)) for kind in self.functionals.kinds]
        observables = [(name, TreeDigest()(e).hex()) for name, e in self.observables.items()]
        return repr((observables, bins, self.probabilities.tolist(), list(self.functionals.names), kinds))

    @property
    def attributes(self) -> dict[str, str]:
        """Formulas, for people, as attributes of a data set."""
        found = {}
        if self.observables:
            found["observables"] = json.dumps({name: str(e) for name, e in self.observables.items()})
        if self.functionals.names:
            described = {
                name: f"{_KINDS[type(kind)]}({', '.join(map(str, vars(kind).values()))})"
                for name, kind in zip(self.functionals.names, self.functionals.kinds, strict=True)
            }
            found["functionals"] = json.dumps(described)
        return found


def recorded_symbols(process: Training | SDE, records: Sequence[str]) -> tuple[Symbol, ...]:
    """State variables that are recorded: the parameters, and on demand the memory."""
    if "memory" not in records:
        return tuple(process.game.parameters)
    return tuple(process.parameters if isinstance(process, SDE) else process.state)


def read_observation(
    process: Training | SDE,
    records: Sequence[str],
    *,
    observe: Any,
    histogram: Any,
    quantiles: Any,
    functionals: Any,
    steps: int,
    substeps: int,
    dtype: str,
) -> Observation:
    """Check the arguments of `simulate` that name statistics."""
    symbols = recorded_symbols(process, records)
    hint = "" if "memory" in records else MEMORY_HINT
    expressions = {
        name: read_expression(f"observe[{name}]", value, symbols, hint)
        for name, value in named_items("observe", observe, "expression").items()
    }
    state = tuple(process.parameters if isinstance(process, SDE) else process.state)
    paths = Functionals.read(functionals, symbols, state, steps, substeps if isinstance(process, SDE) else 1, hint)
    if paths.names and dtype != "float64":
        raise ValueError(f"functionals: expected dtype 'float64', got {dtype!r}")
    if paths.names and process.game.arrays is not None:
        raise ValueError("functionals: expected none for a game in array form, got some")
    names = [s.name for s in symbols]
    return Observation(symbols, expressions, _bins(histogram, names), _probabilities(quantiles), paths)


def _bins(histogram: Any, names: Sequence[str]) -> tuple[Bins, ...]:
    if histogram is None:
        return ()
    if not isinstance(histogram, Mapping):
        raise ValueError(f"histogram: expected {{parameter: edges}}, got {shown(histogram)}")
    found: list[Bins] = []
    for key, value in histogram.items():
        pair = key if isinstance(key, tuple) else (key,)
        own = tuple(getattr(entry, "name", entry) for entry in pair)
        unknown = [name for name in own if name not in names]
        if unknown or len(own) not in (1, 2) or len(set(own)) != len(own):
            raise ValueError(f"histogram: expected one or two of {', '.join(names)}, got {shown(key)}")
        edges = value if isinstance(key, tuple) else (value,)
        if not isinstance(edges, (tuple, list)) or len(edges) != len(own):
            raise ValueError(f"histogram[{', '.join(own)}]: expected edges of each, got {shown(value)}")
        checked = tuple(_edges(f"histogram[{', '.join(own)}]", each) for each in edges)
        found.append(Bins(own, tuple(names.index(name) for name in own), checked))
    for labels in ([each.label for each in found], [axis for each in found for axis in each.axes]):
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"histogram: expected names that differ when joined by '_', got {label} twice")
    return tuple(found)


def _edges(name: str, value: Any) -> np.ndarray:
    edges = finite_array(name, value, "increasing finite numbers")
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"{name}: expected two or more increasing numbers, got {shown(value)}")
    return edges


def _probabilities(value: Any) -> np.ndarray:
    if value is None:
        return np.empty(0)
    numbers = np.atleast_1d(finite_array("quantiles", value, "numbers between 0 and 1"))
    if numbers.ndim != 1 or not ((numbers > 0) & (numbers < 1)).all() or not (np.diff(numbers) > 0).all():
        raise ValueError(f"quantiles: expected increasing numbers between 0 and 1, got {shown(value)}")
    return numbers


_KINDS = {TimeAverage: "time_average", ExitTime: "exit_time", RunningMax: "running_max"}


def _parts(kind: Any) -> tuple[Any, ...]:
    return tuple(TreeDigest()(v).hex() if isinstance(v, Expr) else v for v in vars(kind).values())
