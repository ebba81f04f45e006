"""Checks of what theorems on invariant measures assume: exact linear algebra, and evidence from samples.

Drifts and covariances are functions on arrays of points; depends on numpy and scipy only.
"""

from analysis.assumptions.evidence import Evidence as Evidence
from analysis.assumptions.evidence import invariant_measure_evidence as invariant_measure_evidence
from analysis.assumptions.linear_system import LinearLaw as LinearLaw
from analysis.assumptions.linear_system import linear_law as linear_law
from analysis.assumptions.profiles import dissipativity as dissipativity
from analysis.assumptions.profiles import ellipticity as ellipticity
from analysis.assumptions.profiles import lipschitz as lipschitz
from analysis.assumptions.profiles import monotonicity as monotonicity
from analysis.assumptions.quadratic_function import FosterLyapunov as FosterLyapunov
from analysis.assumptions.quadratic_function import foster_lyapunov as foster_lyapunov
from analysis.assumptions.spheres import Profile as Profile
from analysis.assumptions.spheres import Spheres as Spheres
