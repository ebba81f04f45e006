"""What a training accepts: names, players' rates and algorithms of the user's own."""

import pytest
from sympy import Symbol, symbols

import gan_sde as gs

w, t = symbols("w t")


def game(name="v", **options):
    """Two parameters of the minimiser, ``t`` and one of the given name."""
    other = Symbol(name)
    payoff = w * (t + 2 * other) - w**2 / 2 + other**2 / 2 + t**2 / 2
    return gs.Game.zero_sum(payoff, maximiser={"up": [w]}, minimiser={"down": [t, other]}, **options)


# -------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("algorithm", "taken"),
    [("momentum", "velocity_w"), ("averaging", "average_t"), ("adam", "first_w"), ("optimistic", "past_t")],
)
def test_a_parameter_named_like_a_memory_is_refused(algorithm, taken):
    gs.Training(game("velocity_other"), gs.algorithms.get(algorithm))
    gs.Training(game(taken), gs.algorithms.get("sgda"))
    with pytest.raises(ValueError, match=rf"^game: expected names other than [^\n]*_\.\.\.[^\n]*, got '{taken}'$"):
        gs.Training(game(taken), gs.algorithms.get(algorithm))


def test_so_are_constants_and_data_symbols_of_that_name():
    taken = Symbol("velocity_t", real=True)  # another symbol, but the same label
    for data in ({}, {taken: gs.Normal(0, 1)}):
        made = gs.Game.general_sum({"p": t**2 / 2 + taken * t}, parameters={"p": [t]}, data=data)
        with pytest.raises(ValueError, match=r"^game: expected names other than .*, got 'velocity_t'$"):
            gs.Training(made, gs.algorithms.get("momentum"))
        if not data:  # a constant with a value is gone
            gs.Training(made.subs(velocity_t=1), gs.algorithms.get("momentum"))
