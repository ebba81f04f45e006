"""Monotone, pseudo- and quasimonotone, Hurwitz: a proof, an exact counterexample, or an honest unknown."""

from gan_sde.symbolic.certificates.certify import certify as certify
from gan_sde.symbolic.certificates.certify import certify_problem as certify_problem
from gan_sde.symbolic.certificates.directions import refute_direction as refute_direction
from gan_sde.symbolic.certificates.directions import refute_modulus as refute_modulus
from gan_sde.symbolic.certificates.domain import NONNEGATIVE as NONNEGATIVE
from gan_sde.symbolic.certificates.domain import POSITIVE as POSITIVE
from gan_sde.symbolic.certificates.domain import REAL as REAL
from gan_sde.symbolic.certificates.domain import Domain as Domain
from gan_sde.symbolic.certificates.domain import Interval as Interval
from gan_sde.symbolic.certificates.properties import Hurwitz as Hurwitz
from gan_sde.symbolic.certificates.properties import HurwitzWhere as HurwitzWhere
from gan_sde.symbolic.certificates.properties import Monotone as Monotone
from gan_sde.symbolic.certificates.properties import MonotoneWhere as MonotoneWhere
from gan_sde.symbolic.certificates.properties import Pseudomonotone as Pseudomonotone
from gan_sde.symbolic.certificates.properties import Quasimonotone as Quasimonotone
from gan_sde.symbolic.certificates.properties import StrictlyMonotone as StrictlyMonotone
from gan_sde.symbolic.certificates.properties import StronglyMonotone as StronglyMonotone
from gan_sde.symbolic.certificates.results import Certificate as Certificate
from gan_sde.symbolic.certificates.results import Problem as Problem
from gan_sde.symbolic.certificates.results import Proved as Proved
from gan_sde.symbolic.certificates.results import Refuted as Refuted
from gan_sde.symbolic.certificates.results import Unknown as Unknown
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign as prove_sign
from gan_sde.symbolic.certificates.tables import property_table as property_table
