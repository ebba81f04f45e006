"""Optimal control of learning rates: closed forms, exact recursions, and equations solved on a grid.

Rates u are multiples of the learning rate lr, time is lr x iterations, and schedules are arrays of learning rates
by iteration. Depends on numpy and scipy only.
"""

from analysis.control.closed_forms import OptimalRate as OptimalRate
from analysis.control.closed_forms import optimal_rate as optimal_rate
from analysis.control.discrete_moment import DiscreteMoment as DiscreteMoment
from analysis.control.extragradient import Extragradient as Extragradient
from analysis.control.grid import StateGrid as StateGrid
from analysis.control.hjb import HJBSolution as HJBSolution
from analysis.control.hjb import solve_hjb as solve_hjb
from analysis.control.isaacs import IsaacsSolution as IsaacsSolution
from analysis.control.isaacs import solve_isaacs as solve_isaacs
from analysis.control.markov_chain import Chain as Chain
from analysis.control.markov_chain import markov_chain as markov_chain
from analysis.control.open_loop import OpenLoop as OpenLoop
from analysis.control.open_loop import solve_open_loop as solve_open_loop
from analysis.control.problem import ControlProblem as ControlProblem
from analysis.control.problem import control_grid as control_grid
from analysis.control.scalar_moment import ScalarMoment as ScalarMoment
from analysis.control.scalar_moment import adversarial_moment as adversarial_moment
from analysis.control.scalar_moment import game_moment as game_moment
from analysis.control.scalar_moment import quadratic_moment as quadratic_moment
