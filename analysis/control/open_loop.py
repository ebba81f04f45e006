"""The best schedule for a process with noise: controls that may depend on the time, not on the state."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from analysis._validation import Array, count, finite_array, positive
from analysis.control.grid import StateGrid
from analysis.control.hjb import terminal_values
from analysis.control.markov_chain import Chain, markov_chain
from analysis.control.problem import ControlProblem, control_set


@dataclass(frozen=True, eq=False)
class OpenLoop:
    """A schedule and what it costs.

    Attributes
    ----------
    times : array, shape (steps + 1,)
    controls : array, shape (steps, k)
        In force from one time to the next.
    cost : float
        Mean cost on the grid's Markov chain; not below the value of `solve_hjb` on the same grid, which sees the state.
    costs : array
        The same after each sweep; never rising.
    """

    times: Array
    controls: Array
    cost: float
    costs: Array

    def schedule(self, lr: float, iterations: int) -> Array:
        """Learning rates by iteration, shape (iterations,), or (iterations, k) for k > 1 controls.

        The controls count as multiples of `lr`, and iteration j lasts from time j lr to (j + 1) lr; the control in
        force at its midpoint is taken. The array is what `gan_sde.simulate(lr=...)` takes. Iterations past the horizon
        are refused.
        """
        midpoints = (np.arange(count("iterations", iterations, 1)) + 0.5) * positive("lr", lr)
        if midpoints[-1] > self.times[-1]:
            raise ValueError(f"iterations: expected at most {int(self.times[-1] / lr + 0.5)}, got {iterations}")
        rates = lr * self.controls[np.searchsorted(self.times, midpoints, side="right") - 1]
        return rates[:, 0] if rates.shape[1] == 1 else rates


def solve_open_loop(
    problem: ControlProblem,
    grid: StateGrid,
    controls: ArrayLike,
    start: ArrayLike,
    *,
    horizon: float,
    steps: int,
    initial: ArrayLike | None = None,
    sweeps: int = 50,
) -> OpenLoop:
    """Minimise the mean cost over schedules u_0, ..., u_{n-1}, on the Markov chain of `solve_hjb`.

    With p_k the law of the state at time k, which earlier controls decide, and V_{k+1} the mean cost to go, which later
    ones decide, the cost is p_k (cost + P(u_k) V_{k+1}): one number for each u_k. A sweep goes backwards and takes the
    best u_k given all others, so that the cost never rises; sweeps end when none changes. What is found is best against
    a change of any single control, which for a non-convex problem need not be the best of all.

    Parameters
    ----------
    problem, grid, controls, horizon, steps
        As in `solve_hjb`; `problem` must be autonomous.
    start : array, shape (d,)
        State at time 0.
    initial : integer array, shape (steps,), optional
        Indices of the controls to begin with; left out, the last control throughout.
    sweeps : int
        At most so many.

    Returns
    -------
    OpenLoop

    Raises
    ------
    ValueError
        If the problem depends on time, or the start lies outside the grid.

    Examples
    --------
    >>> noise = lambda t, x, u: 0.5 * (u + 0 * x)[..., None]
    >>> problem = ControlProblem(lambda t, x, u: -u * x, lambda x: x[..., 0] ** 2, noise)
    >>> grid = StateGrid.of(np.linspace(-2, 2, 81))
    >>> best = solve_open_loop(problem, grid, np.linspace(0, 1, 11), [1.0], horizon=2.0, steps=20)
    >>> bool(np.all(np.diff(best.controls[:, 0]) <= 0)), best.schedule(0.1, 20).shape
    (True, (20,))
    """
    allowed = control_set("controls", controls)
    times = np.linspace(0, positive("horizon", horizon), count("steps", steps, 1) + 1)
    if not problem.autonomous:
        raise ValueError("problem: expected an autonomous one, got one that depends on time")
    state = grid.require_states("start", start, (1,))
    if any(not axis[0] <= x <= axis[-1] for axis, x in zip(grid.axes, state, strict=True)):
        raise ValueError(f"start: expected a state inside the grid, got {state.tolist()}")
    chain = markov_chain(problem, grid, allowed, 0.0, times[1])
    forward = _by_control(chain, len(allowed))
    first, last = grid.interpolation(state[None]).toarray()[0], terminal_values(problem, grid)
    choice = _first_choice(initial, len(times) - 1, len(allowed))
    costs: list[float] = []
    for _ in range(count("sweeps", sweeps, 1)):
        laws = [first]
        for k in choice[:-1]:
            laws.append(forward[k].T @ laws[-1])
        value, changed = last, False
        for k in range(len(choice) - 1, -1, -1):
            ahead = chain.cost_to_go(value)
            best = int(np.argmin(laws[k] @ ahead))
            changed |= best != choice[k]
            choice[k], value = best, ahead[:, best]
        costs.append(float(first @ value))
        if not changed:
            break
    return OpenLoop(times, allowed[choice], costs[-1], np.array(costs))


def _first_choice(initial: ArrayLike | None, steps: int, controls: int) -> NDArray[np.int64]:
    """Check the indices to begin with; numbers between them are refused, not rounded."""
    given = np.full(steps, controls - 1.0) if initial is None else finite_array("initial", initial)
    if given.shape != (steps,) or np.any((given < 0) | (given >= controls) | (given != np.rint(given))):
        came = np.atleast_1d(given).tolist()[:5]
        raise ValueError(f"initial: expected {steps} indices below {controls}, got {came}")
    return given.astype(np.int64)


def _by_control(chain: Chain, controls: int) -> list[csr_array]:
    """Transition matrix of each control."""
    return [csr_array(chain.transition[k::controls]) for k in range(controls)]
