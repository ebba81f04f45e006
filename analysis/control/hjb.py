"""The Hamilton-Jacobi-Bellman equation in one or a few dimensions: value, policy and optimal schedule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, positive
from analysis.control.grid import StateGrid
from analysis.control.markov_chain import Chain, markov_chain
from analysis.control.problem import ControlProblem, control_set, function_values


@dataclass(frozen=True, eq=False)
class HJBSolution:
    """Value function and policy on a grid.

    Attributes
    ----------
    problem : ControlProblem
    grid : StateGrid
    controls : array, shape (c, k)
    times : array, shape (steps + 1,)
        From 0 to the horizon.
    value : array, shape (steps + 1, *grid.shape)
        Least cost to go.
    choice : integer array, shape (steps, *grid.shape)
        Index of the best control; of equally good ones the first.
    """

    problem: ControlProblem
    grid: StateGrid
    controls: Array
    times: Array
    value: Array
    choice: np.ndarray

    @property
    def policy(self) -> Array:
        """Best control at every time and node, shape (steps, *grid.shape, k)."""
        return self.controls[self.choice]

    def value_at(self, step: int, states: ArrayLike) -> Array:
        """Value at `times[step]`, 0 <= step <= steps, and states (..., d), interpolated."""
        places, k = self.grid.require_states("states", states), _index(step, len(self.times) - 1)
        flat = self.grid.interpolation(places.reshape(-1, places.shape[-1])) @ self.value[k].ravel()
        return flat.reshape(places.shape[:-1])

    def control_at(self, step: int, states: ArrayLike) -> Array:
        """Best control from `times[step]` on, 0 <= step < steps, at any states (..., d), shape (..., k).

        One more minimisation over all controls with the value of the next time: smoother than interpolating the
        policy, which jumps between controls from node to node.
        """
        places, k = self.grid.require_states("states", states), _index(step, len(self.times) - 2)
        time, length = self.times[k], self.times[k + 1] - self.times[k]
        flat = places.reshape(-1, places.shape[-1])
        chain = markov_chain(self.problem, self.grid, self.controls, time, length, flat)
        best = np.argmin(chain.cost_to_go(self.value[k + 1].ravel()), axis=1)
        return self.controls[best].reshape(*places.shape[:-1], -1)

    def trajectory(self, start: ArrayLike) -> tuple[Array, Array]:
        """Optimal states (steps + 1, d) and controls (steps, k) from one start, for problems without noise.

        The controls are constant over each time step, chosen at its beginning; the states follow them by a
        Runge-Kutta step of order 4.

        Raises
        ------
        ValueError
            If the problem has noise: there is a policy then, but no one trajectory.
        """
        if self.problem.noise is not None:
            raise ValueError("problem: expected one without noise, got one with noise (use control_at)")
        state = self.grid.require_states("start", start, (1,))
        states, controls = [state], []
        for k, length in enumerate(np.diff(self.times)):
            controls.append(self.control_at(k, state))
            state = _runge_kutta(self.problem, self.times[k], length, state, controls[-1])
            states.append(state)
        return np.array(states), np.array(controls)

    def schedule(self, start: ArrayLike, lr: float, iterations: int) -> Array:
        """Learning rates by iteration along the optimal trajectory from one start, shape (iterations, k).

        The controls count as multiples of `lr`; those at the midpoints (j + 1/2) lr are taken, for the reason that
        `OptimalRate.schedule` gives. Iterations past the horizon are refused.
        """
        midpoints = (np.arange(count("iterations", iterations, 1)) + 0.5) * positive("lr", lr)
        if midpoints[-1] > self.times[-1]:
            raise ValueError(f"iterations: expected at most {int(self.times[-1] / lr + 0.5)}, got {iterations}")
        controls = self.trajectory(start)[1]
        return lr * np.stack([np.interp(midpoints, self.times[:-1], part) for part in controls.T], axis=-1)


def solve_hjb(
    problem: ControlProblem, grid: StateGrid, controls: ArrayLike, *, horizon: float, steps: int
) -> HJBSolution:
    """Solve V_t + min_u {b . V_x + sigma sigma^T : V_xx / 2 + running} = 0 backwards from V(T) = terminal.

    A monotone semi-Lagrangian scheme: dynamic programming on the Markov chain that `markov_chain` describes, with
    its error, its conditions and what happens at the boundary. Converges to the viscosity solution as step -> 0
    and dx^2 / step -> 0 (Barles & Souganidis 1991).

    Parameters
    ----------
    problem : ControlProblem
    grid : StateGrid
        Should hold all states that the process can reach.
    controls : array, shape (c,) or (c, k)
        A finite set that stands for the compact set of controls: `control_grid` makes one.
    horizon : float
        T, physical time.
    steps : int
        Time steps.

    Returns
    -------
    HJBSolution

    Raises
    ------
    ValueError
        If drift, noise, running or terminal cost are not finite on the grid, or not of the shapes that
        `ControlProblem` states.

    Examples
    --------
    >>> problem = ControlProblem(lambda t, x, u: u, lambda x: abs(x[..., 0]))
    >>> solution = solve_hjb(problem, StateGrid.of(np.linspace(-2, 2, 41)), [-1.0, 0.0, 1.0], horizon=1.0, steps=10)
    >>> solution.value_at(0, [[1.5]]).round(12).tolist(), solution.control_at(0, [[1.5]]).tolist()
    ([0.5], [[-1.0]])
    """
    allowed = control_set("controls", controls)
    times = np.linspace(0, positive("horizon", horizon), count("steps", steps, 1) + 1)
    value = np.empty((len(times), int(np.prod(grid.shape))))
    choice = np.empty((len(times) - 1, value.shape[1]), dtype=np.int32)
    value[-1] = terminal_values(problem, grid)
    chain: Chain | None = None
    for k in range(len(times) - 2, -1, -1):
        if chain is None or not problem.autonomous:
            chain = markov_chain(problem, grid, allowed, times[k], times[1])
        costs = chain.cost_to_go(value[k + 1])
        choice[k] = np.argmin(costs, axis=1)
        value[k] = np.take_along_axis(costs, choice[k][:, None], axis=1)[:, 0]
    shape = (-1, *grid.shape)
    return HJBSolution(problem, grid, allowed, times, value.reshape(shape), choice.reshape(shape))


def terminal_values(problem: ControlProblem, grid: StateGrid) -> Array:
    """Terminal cost at the nodes, shape (n,)."""
    nodes = grid.nodes
    return function_values("terminal", problem.terminal(nodes), (len(nodes),))


def _index(step: int, last: int) -> int:
    """Check the number of a time: negative ones do not count from the end."""
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 0 <= step <= last:
        raise ValueError(f"step: expected an integer from 0 to {last}, got {step!r}")
    return int(step)


def _runge_kutta(problem: ControlProblem, time: float, length: float, state: Array, control: Array) -> Array:
    """One step of the classical method of order 4 under a constant control."""

    def drift(later: float, moved: Array) -> Array:
        return function_values("drift", problem.drift(time + later, moved, control), (), state.shape)

    first = drift(0.0, state)
    second = drift(length / 2, state + length / 2 * first)
    third = drift(length / 2, state + length / 2 * second)
    fourth = drift(length, state + length * third)
    return state + length / 6 * (first + 2 * second + 2 * third + fourth)
