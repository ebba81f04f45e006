"""Stationarity as an equation: for any function phi of the state, dissipation and fluctuation in symbols.

One iteration takes the state z (parameters, then what the algorithm carries) to ``z' = z + D`` with a random move D.
Under a stationary law ``E[phi(z') - phi(z)] = 0``, which splits exactly, at every learning rate and batch size, into

    E[-grad phi . E[D | z] / lr]  =  E[E[phi(z + D) - phi(z) - grad phi . D | z] / lr],    dissipation = fluctuation.

For descent ``D = -lr F_B`` and ``phi = |x_p - c|^2 / 2`` this is Yaida's first relation,
``E (x_p - c) . F_p = (lr / 2) E|F_B,p|^2``. For ``dX = b dt + S dW``, ``E[L phi] = 0`` with the generator L gives
``E[-grad phi . b] = E[Tr(S S^T D^2 phi)] / 2``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from sympy import Expr, ImmutableMatrix, Integer, Rational, Symbol, hessian, sympify

from gan_sde.symbolic.algorithm import slots_of
from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.update import BATCH_SIZE, ETA, batch_expectation, memory_symbols
from gan_sde.symbolic.validation import check_batch_size, check_number, check_positive, shown

Centre = Sequence[Any] | Mapping[str | Symbol, Any] | None
"""A point: all parameters in order, or by name; None is the origin."""


def balance(
    process: Training | SDE, phi: Expr, *, lr: float | None = None, batch_size: float | None = None
) -> dict[str, Expr]:
    """Both sides of the stationarity of ``phi``, per unit of time, as functions of the state.

    Parameters
    ----------
    process
        A training: exact in the learning rate and the batch size. Or an SDE at constant rate: exact for the SDE; on the
        training that it follows the means of both sides then differ by a relative gap of order lr, and only for
        ``sde(2, diffusion_order=2)`` (affine fields) of order lr^2.
    phi
        A function of ``process.state`` (a training; polynomial) or ``process.parameters`` (an SDE). It may hold the
        symbols ``eta`` and ``B`` of rate and batch size, and free constants of the game.
    lr, batch_size
        Numbers for ``eta`` and ``B``; left out, the symbols stay.

    Returns
    -------
    dict
        ``"dissipation"`` and ``"fluctuation"``: expressions whose stationary means are equal.

    Raises
    ------
    ValueError
        If ``phi`` holds other symbols, an update is not polynomial in the batch means, the game has bounds (a
        projection adds a term of its own), or the SDE runs under a schedule.

    References
    ----------
    Yaida (2018), arXiv 1810.00004; Cao & Guo (2020), arXiv 2006.02047.

    Examples
    --------
    >>> import gan_sde as gs
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> game = gs.Game.general_sum({"p": (x - y) ** 2 / 2}, parameters={"p": [x]}, data={y: gs.Normal(0, 1)})
    >>> balance(gs.Training(game, gs.algorithms.get("sgda")), x**2 / 2)
    {'dissipation': x**2, 'fluctuation': eta*x**2/2 + eta/(2*B)}
    """
    table = _numbers(lr, batch_size)
    state = _state(process)
    function = _function(process, phi, state)
    gradient = ImmutableMatrix([[function.diff(s) for s in state]])
    if isinstance(process, SDE):
        covariance = process.diffusion * process.diffusion.T
        dissipation = -(gradient * process.drift)[0]
        fluctuation = (covariance * hessian(function, state)).trace() / 2
    else:
        image, batches = process.map
        mean = batch_expectation(
            process.game, batches, [*(image - ImmutableMatrix(state)), _at(function, image, state)]
        )
        slope = (gradient * ImmutableMatrix(mean[:-1]))[0]
        dissipation, fluctuation = -slope / ETA, (mean[-1] - function - slope) / ETA
    return {"dissipation": _finished(dissipation, table), "fluctuation": _finished(fluctuation, table)}


def player_balances(
    process: Training | SDE,
    *,
    centre: Centre = None,
    memory: bool = False,
    lr: float | None = None,
    batch_size: float | None = None,
) -> dict[str, Expr]:
    """Balances of every player's ``|x_p - c|^2 / 2``, and on demand of the products with what is carried.

    Parameters
    ----------
    process, lr, batch_size
        As for `balance`.
    centre
        The fixed point c: all parameters in order, or by name; default the origin.
    memory
        Add, of a training, the balances of ``(x_p - c) . m_p`` and ``m_p . n_p / 2`` of all carried vectors m, n.

    Returns
    -------
    dict
        ``dissipation_PLAYER``, ``fluctuation_PLAYER``; with memory also ``..._PLAYER_SLOT`` and
        ``..._PLAYER_SLOT_SLOT``.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> momentum = gs.Training(game, gs.algorithms.get("momentum"))
    >>> [name for name in player_balances(momentum, memory=True) if "generator" in name]  # doctest: +ELLIPSIS
    ['dissipation_generator', ..., 'fluctuation_generator_velocity_velocity']
    """
    found: dict[str, Expr] = {}
    for name, phi in _quadratics(process, _centre(process.game, centre), memory).items():
        for side, expression in balance(process, phi, lr=lr, batch_size=batch_size).items():
            found[f"{side}_{name}"] = expression
    return found


def slow_coordinates(training: Training) -> dict[Symbol, Expr]:
    """Combinations ``y = x + eta Q m`` of parameters and fast memory that move like a training without memory.

    The heavy ball with fixed mu has ``y = x + eta mu / (1 - mu) v`` and ``y' = y - eta / (1 - mu) F_B(x)``: the balance
    of ``|y_p - c|^2 / 2`` is ``E (y_p - c) . F_p = e / 2 E|F_B,p|^2`` with ``e = eta / (1 - mu)``, without moments of
    the velocity. Optimistic descent has ``y = x + eta (past gradient)`` and ``y' = y - eta F_B(x)``.

    Returns
    -------
    dict
        Parameter to expression; a parameter alone where there is no fast memory.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> slow_coordinates(gs.Training(game, gs.algorithms.get("optimistic")))
    {omega: eta*past_omega + omega, theta: eta*past_theta + theta}
    """
    memory = training.state[training.game.dim :]
    shift = training.update.shift[: training.game.dim]
    return {
        x: x + ETA * sum((m * entry.diff(m) for m in memory), Integer(0))
        for x, entry in zip(training.game.parameters, shift, strict=True)
    }


def yaida_balances(
    training: Training, *, centre: Centre = None, lr: float | None = None, batch_size: float | None = None
) -> dict[str, Expr]:
    """First relation of the heavy ball in its usual form: ``E (x_p - c) . F_p = (1 + mu) / 2 lr E|v_p|^2``.

    It is the balance of ``|y_p - c|^2 / 2 - lr^2 (1 + mu + mu^2 / (1 - mu)) / (2 (1 - mu)) |v_p|^2`` times ``1 - mu``,
    y the slow coordinate, with ``E|v'|^2`` replaced by its equal ``E|v|^2``: only v and F(x) are needed.

    Parameters
    ----------
    training
        With the algorithm "momentum" at fixed mu.
    centre, lr, batch_size
        As for `player_balances`.

    Returns
    -------
    dict
        ``dissipation_PLAYER``, ``fluctuation_PLAYER``.

    References
    ----------
    Yaida (2018), arXiv 1810.00004, FDR1 with momentum.
    """
    mu = getattr(training.algorithm, "mu", None)
    if mu is None or getattr(training.algorithm, "damping", None) is not None:
        raise ValueError(f"training: expected momentum with a fixed mu, got {shown(training.algorithm)}")
    table, point = _numbers(lr, batch_size), _centre(training.game, centre)
    (velocity,) = memory_symbols(training.game, training.algorithm)
    image, batches = training.map
    pushed = batch_expectation(training.game, batches, image[training.game.dim :])
    found: dict[str, Expr] = {}
    for player, own in training.game.players.items():
        numbers = [training.game.parameters.index(s) for s in own]
        work = [(training.game.parameters[i] - point[i]) * (mu * velocity[i] - pushed[i]) for i in numbers]
        square = [velocity[i] ** 2 for i in numbers]
        found[f"dissipation_{player}"] = _finished(sum(work, Integer(0)), table)
        found[f"fluctuation_{player}"] = _finished((1 + sympify(mu)) / 2 * ETA * sum(square, Integer(0)), table)
    return found


# -------------------------------------------------------------------- pieces


def _quadratics(process: Training | SDE, point: Sequence[Expr], memory: bool) -> dict[str, Expr]:
    """The functions of `player_balances` by name."""
    game, slots = process.game, {}
    if memory:
        if not isinstance(process, Training):
            raise ValueError(f"memory: expected False for an SDE, got {memory!r}")
        slots = dict(zip(slots_of(process.algorithm), memory_symbols(game, process.algorithm), strict=True))
    found: dict[str, Expr] = {}
    for player, own in game.players.items():
        where = [game.parameters.index(s) for s in own]
        offsets = [game.parameters[i] - point[i] for i in where]
        found[player] = sum((e**2 for e in offsets), Integer(0)) / 2
        for slot, carried in slots.items():
            found[f"{player}_{slot}"] = sum((e * carried[i] for e, i in zip(offsets, where, strict=True)), Integer(0))
        for (one, first), (two, second) in combinations_with_replacement(slots.items(), 2):
            product = sum((first[i] * second[i] for i in where), Integer(0))
            found[f"{player}_{one}_{two}"] = product / 2
    return found


def _state(process: Training | SDE) -> tuple[Symbol, ...]:
    if not isinstance(process, (Training, SDE)):
        raise ValueError(f"process: expected a Training or its sde(), got {shown(process)}")
    if process.game.bounds:
        names = ", ".join(sorted(s.name for s in process.game.bounds))
        raise ValueError(f"process: expected a game without bounds (a projection adds a term), got bounds of {names}")
    if isinstance(process, Training):
        return process.state
    if process.clock is not None:
        raise ValueError("process: expected an SDE at constant rate, got one under a schedule")
    return process.parameters


def _function(process: Training | SDE, phi: Expr, state: Sequence[Symbol]) -> Expr:
    try:
        function = sympify(phi, strict=True)
    except Exception as error:
        raise ValueError(f"phi: expected an expression in the state, got {shown(phi)}") from error
    known = {*state, *process.game.free_symbols, ETA, BATCH_SIZE}
    if not isinstance(function, Expr) or function.free_symbols - known:
        names = ", ".join(s.name for s in state)
        raise ValueError(f"phi: expected an expression in {names}, got {shown(phi)}")
    return function


def _at(function: Expr, image: ImmutableMatrix, state: Sequence[Symbol]) -> Expr:
    return function.xreplace(dict(zip(state, image, strict=True)))


def _centre(game: Game, centre: Centre) -> list[Expr]:
    if centre is None:
        return [Integer(0)] * game.dim
    names = [s.name for s in game.parameters]
    if isinstance(centre, Mapping):
        named = {str(key): value for key, value in centre.items()}
        if set(named) != set(names):
            raise ValueError(f"centre: expected a value for each of {', '.join(names)}; got {', '.join(named)}")
        values = [named[name] for name in names]
    else:
        values = list(centre)
    if len(values) != game.dim:
        raise ValueError(f"centre: expected {game.dim} values, got {len(values)}")
    for value in values:
        check_number("centre", value)
    return [sympify(value) for value in values]


def _numbers(lr: float | None, batch_size: float | None) -> dict[Symbol, Expr]:
    table: dict[Symbol, Expr] = {}
    if lr is not None:
        check_positive("lr", lr)
        table[ETA] = sympify(lr)
    if batch_size is not None:
        check_batch_size(batch_size)
        table[BATCH_SIZE] = 1 / Rational(0) if batch_size == float("inf") else Integer(int(batch_size))
    return table


def _finished(expression: Expr, table: Mapping[Symbol, Expr]) -> Expr:
    return tidy(tidy(expression).subs(table))
