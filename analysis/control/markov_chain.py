"""A controlled Markov chain on the grid that stands for the controlled process over one time step."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from analysis._validation import Array
from analysis.control.grid import StateGrid
from analysis.control.problem import ControlProblem


@dataclass(frozen=True, eq=False)
class Chain:
    """Transition probabilities and costs for every node and control.

    Attributes
    ----------
    transition : csr_array, shape (nodes x controls, nodes)
        Rows are probabilities; the control varies fastest.
    cost : array, shape (nodes, controls)
        Running cost of the step.
    """

    transition: csr_array
    cost: Array

    def cost_to_go(self, value: Array) -> Array:
        """Cost of each control at each node if the cost from the next node on is `value`; (nodes, controls)."""
        return self.cost + (self.transition @ value).reshape(self.cost.shape)


def markov_chain(
    problem: ControlProblem, grid: StateGrid, controls: Array, time: float, step: float, states: Array | None = None
) -> Chain:
    """Build the chain of the semi-Lagrangian scheme for one step of length `step` from `time`.

    From x under u the process moves to one of the 2 m feet

        x + step b(x, u) +- sqrt(m step) sigma_j(x, u),     j = 1, ..., m,

    of probability 1 / (2 m) each (one foot, x + step b, without noise), and from a foot to the corners of its cell
    with the weights of multilinear interpolation. All weights are probabilities, whatever the step: the scheme is
    monotone and stable without a condition. It is consistent with error O(step + dx^2 / step), so that the step
    should shrink no faster than the spacing dx of the grid. A foot outside the box is moved to the nearest point
    of it, as if the process were pushed back there: monotone too, and wrong near faces through which the process would
    leave, so that boxes should hold what can be reached.

    Parameters
    ----------
    problem, grid, controls
        As in `solve_hjb`; controls of shape (c, k).
    states : array, shape (n, d), optional
        Where to start from; left out, the nodes.

    References
    ----------
    Camilli & Falcone (1995), An approximation scheme for the optimal control of diffusion processes, M2AN 29; Kushner
    & Dupuis (2001), Numerical methods for stochastic control problems in continuous time; Debrabant & Jakobsen (2013),
    Semi-Lagrangian schemes for linear and fully non-linear diffusion equations, Math. Comp. 82.
    """
    starts = grid.nodes if states is None else states
    x = starts[:, None, :]
    shape = (len(starts), len(controls))
    centre = x + step * np.broadcast_to(problem.drift(time, x, controls), (*shape, starts.shape[1]))
    if problem.noise is None:
        transition = grid.interpolation(centre.reshape(-1, starts.shape[1]))
    else:
        transition = _spread(grid, centre, problem.noise(time, x, controls), step)
    running = 0.0 if problem.running is None else step * problem.running(time, x, controls)
    return Chain(transition, np.array(np.broadcast_to(running, shape)))


def _spread(grid: StateGrid, centre: Array, noise: Array, step: float) -> csr_array:
    """Average over the feet that stand for the noise."""
    columns = noise.shape[-1]
    spread = np.sqrt(columns * step) * np.broadcast_to(noise, (*centre.shape, columns))
    feet = [centre + sign * spread[..., j] for j in range(columns) for sign in (1, -1)]
    total = sum(grid.interpolation(foot.reshape(-1, centre.shape[-1])) for foot in feet)
    return csr_array(total / len(feet))
