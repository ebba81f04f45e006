"""A controlled Markov chain on the grid that stands for the controlled process over one time step."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from analysis._validation import Array, positive
from analysis.control.grid import StateGrid
from analysis.control.problem import ControlProblem, control_set, function_values


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
    time, step : float
        When the step begins, and how long it is: physical time.
    states : array, shape (n, d), optional
        Where to start from; left out, the nodes.

    Returns
    -------
    Chain

    Raises
    ------
    ValueError
        If drift, noise or running cost are not finite, or not of shapes (..., d), (..., d, m), (...); if a step is not
        positive, or states are not of the grid's dimension.

    References
    ----------
    Camilli & Falcone (1995), An approximation scheme for the optimal control of diffusion processes, M2AN 29; Kushner
    & Dupuis (2001), Numerical methods for stochastic control problems in continuous time; Debrabant & Jakobsen (2013),
    Semi-Lagrangian schemes for linear and fully non-linear diffusion equations, Math. Comp. 82.
    """
    starts = grid.nodes if states is None else grid.require_states("states", states, (2,))
    controls, step = control_set("controls", controls), positive("step", step)
    shape, d = (len(starts), len(controls)), starts.shape[1]
    # three axes each, so that a cost (c, 1) of the controls alone is not taken for one (n, 1) of the states alone
    x, u = starts[:, None, :], controls[None]
    centre = x + step * function_values("drift", problem.drift(time, x, u), shape, (d,))
    if problem.noise is None:
        transition = grid.interpolation(centre.reshape(-1, d))
    else:
        noise = function_values("noise", problem.noise(time, x, u), shape, (d, "m"))
        transition = _spread(grid, centre, noise, step)
    running = 0.0 if problem.running is None else function_values("running", problem.running(time, x, u), shape)
    return Chain(transition, np.array(np.broadcast_to(step * running, shape)))


def _spread(grid: StateGrid, centre: Array, noise: Array, step: float) -> csr_array:
    """Average over the feet that stand for the noise."""
    columns = noise.shape[-1]
    spread = np.sqrt(columns * step) * noise
    feet = [centre + sign * spread[..., j] for j in range(columns) for sign in (1, -1)]
    total = sum(grid.interpolation(foot.reshape(-1, centre.shape[-1])) for foot in feet)
    return csr_array(total / len(feet))
