"""Training algorithms by name, each written once over an oracle; one method a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm as AbstractAlgorithm
from gan_sde.algorithms.consensus import Consensus as Consensus
from gan_sde.algorithms.crossing_the_curl import CrossingTheCurl as CrossingTheCurl
from gan_sde.algorithms.extragradient import Extragradient as Extragradient
from gan_sde.algorithms.rate import Fixed as Fixed
from gan_sde.algorithms.rate import MultipleOfEta as MultipleOfEta
from gan_sde.algorithms.registry import get as get
from gan_sde.algorithms.registry import names as names
from gan_sde.algorithms.registry import register as register
from gan_sde.algorithms.sgda import SGDA as SGDA

_BUILT_IN: dict[str, Callable[..., Any]] = {
    "consensus": Consensus,
    "crossing-the-curl": CrossingTheCurl,
    "extragradient": Extragradient,
    "sgda": SGDA,
}
for _name, _factory in _BUILT_IN.items():
    register(_name, _factory)
