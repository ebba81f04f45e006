"""Analysis of stochastic games: plain arrays in, estimates with error bars out.

Depends on numpy, scipy and, where effective sample sizes are asked for, arviz-stats; knows nothing of how
the numbers were simulated.
"""

from analysis import control as control
from analysis import schedules as schedules
from analysis.assumptions import Evidence as Evidence
from analysis.assumptions import foster_lyapunov as foster_lyapunov
from analysis.assumptions import invariant_measure_evidence as invariant_measure_evidence
from analysis.assumptions import linear_law as linear_law
from analysis.balance import Balance as Balance
from analysis.balance import balance_test as balance_test
from analysis.chains import effective_sample_size as effective_sample_size
from analysis.chains import mcse as mcse
from analysis.chains import mean_estimate as mean_estimate
from analysis.chains import split_rhat as split_rhat
from analysis.corrected_order import CorrectedOrder as CorrectedOrder
from analysis.corrected_order import corrected_weak_order as corrected_weak_order
from analysis.corrected_order import error_length as error_length
from analysis.corrected_order import order_weights as order_weights
from analysis.density import Density as Density
from analysis.distances import bures as bures
from analysis.energy import energy_distance as energy_distance
from analysis.estimate import Estimate as Estimate
from analysis.estimate import normal_estimate as normal_estimate
from analysis.fluctuation import FluctuationDissipation as FluctuationDissipation
from analysis.fluctuation import fluctuation_dissipation as fluctuation_dissipation
from analysis.fluctuation_terms import fdr1_discrete_terms as fdr1_discrete_terms
from analysis.fluctuation_terms import fdr1_terms as fdr1_terms
from analysis.fluctuation_terms import fdr2_terms as fdr2_terms
from analysis.fokker_planck import FokkerPlanck as FokkerPlanck
from analysis.fokker_planck import fokker_planck as fokker_planck
from analysis.grid import Grid as Grid
from analysis.invariant import Comparison as Comparison
from analysis.invariant import InvariantMeasure as InvariantMeasure
from analysis.invariant import compare_covariance as compare_covariance
from analysis.invariant import compare_mean as compare_mean
from analysis.invariant import invariant_measure as invariant_measure
from analysis.law_tests import LawTest as LawTest
from analysis.law_tests import law_test as law_test
from analysis.law_tests import two_sample_law_test as two_sample_law_test
from analysis.lyapunov import discrete_stationary_covariance as discrete_stationary_covariance
from analysis.lyapunov import discrete_transient_covariance as discrete_transient_covariance
from analysis.lyapunov import stationary_covariance as stationary_covariance
from analysis.lyapunov import transient_covariance as transient_covariance
from analysis.rates import ModelFit as ModelFit
from analysis.rates import RateFit as RateFit
from analysis.rates import fit_rate as fit_rate
from analysis.reference_law import GaussianLaw as GaussianLaw
from analysis.refinement import GridEstimate as GridEstimate
from analysis.refinement import richardson as richardson
from analysis.regression import LinearFit as LinearFit
from analysis.regression import bonferroni as bonferroni
from analysis.regression import line_fit as line_fit
from analysis.regression import linear_fit as linear_fit
from analysis.relaxation import Spectrum as Spectrum
from analysis.resampling import batch_means_se as batch_means_se
from analysis.resampling import block_bootstrap as block_bootstrap
from analysis.stability import LinearStability as LinearStability
from analysis.stability import linear_stability as linear_stability
from analysis.stability import mean_square_max_lr as mean_square_max_lr
from analysis.stability import mean_square_radius as mean_square_radius
from analysis.stationarity import burn_in as burn_in
from analysis.stationarity import geweke as geweke
from analysis.weak_error import WeakOrder as WeakOrder
from analysis.weak_error import weak_order as weak_order
