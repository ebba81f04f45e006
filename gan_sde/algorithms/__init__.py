"""Training algorithms by name, each written once over an oracle; one method a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gan_sde.algorithms.adam import Adam as Adam
from gan_sde.algorithms.adversarial import AdversarialTraining as AdversarialTraining
from gan_sde.algorithms.adversarial import adversarial_sde as adversarial_sde
from gan_sde.algorithms.alex_gda import AlexGDA as AlexGDA
from gan_sde.algorithms.algorithm import AbstractAlgorithm as AbstractAlgorithm
from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm as AbstractMemoryAlgorithm
from gan_sde.algorithms.averaging import Averaging as Averaging
from gan_sde.algorithms.competitive import Competitive as Competitive
from gan_sde.algorithms.consensus import Consensus as Consensus
from gan_sde.algorithms.crossing_the_curl import CrossingTheCurl as CrossingTheCurl
from gan_sde.algorithms.extragradient import Extragradient as Extragradient
from gan_sde.algorithms.gradient_regularised import GradientRegularised as GradientRegularised
from gan_sde.algorithms.hamiltonian import Hamiltonian as Hamiltonian
from gan_sde.algorithms.linear_family import LinearFamily as LinearFamily
from gan_sde.algorithms.lola import LOLA as LOLA
from gan_sde.algorithms.momentum import Momentum as Momentum
from gan_sde.algorithms.optimistic import Optimistic as Optimistic
from gan_sde.algorithms.past_extragradient import PastExtragradient as PastExtragradient
from gan_sde.algorithms.rate import Fixed as Fixed
from gan_sde.algorithms.rate import MultipleOfEta as MultipleOfEta
from gan_sde.algorithms.registry import get as get
from gan_sde.algorithms.registry import names as names
from gan_sde.algorithms.registry import register as register
from gan_sde.algorithms.sgda import SGDA as SGDA
from gan_sde.algorithms.svag import SVAG as SVAG
from gan_sde.algorithms.symplectic_adjustment import SymplecticAdjustment as SymplecticAdjustment
from gan_sde.algorithms.unrolled import Unrolled as Unrolled

_BUILT_IN: dict[str, Callable[..., Any]] = {
    "adam": Adam,
    "adversarial-training": AdversarialTraining,
    "alex-gda": AlexGDA,
    "averaging": Averaging,
    "competitive": Competitive,
    "consensus": Consensus,
    "crossing-the-curl": CrossingTheCurl,
    "extragradient": Extragradient,
    "gradient-regularised": GradientRegularised,
    "hamiltonian": Hamiltonian,
    "linear-family": LinearFamily,
    "lola": LOLA,
    "momentum": Momentum,
    "optimistic": Optimistic,
    "past-extragradient": PastExtragradient,
    "sgda": SGDA,
    "svag": SVAG,
    "symplectic-adjustment": SymplecticAdjustment,
    "unrolled": Unrolled,
}
for _name, _factory in _BUILT_IN.items():
    register(_name, _factory)
