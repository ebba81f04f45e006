"""What a training accepts: names, players' rates and algorithms of the user's own."""

import re

import numpy as np
import pytest
from sympy import Rational, Symbol, symbols

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


# -------------------------------------------------------------------- rates


@pytest.mark.parametrize("rate", ["a", -1, 0, -Rational(1, 2), float("nan"), None, True, 1j])
def test_rates_of_players_are_positive_numbers(rate):
    with pytest.raises(ValueError, match=r"^rates\['down'\]: expected a positive number, got [^\n]*$"):
        gs.Training(game(), gs.algorithms.get("sgda"), rates={"up": 1, "down": rate})


def test_rates_may_be_symbols():
    u = Symbol("u")
    sde = gs.Training(game(), gs.algorithms.get("sgda"), rates={"down": u}).sde()
    assert u in sde.drift.free_symbols


# -------------------------------------------------------------------- algorithms of the user's own


def own(text, **names):
    """An algorithm whose step draws a field ``f`` and goes on with a text."""
    space = {"np": np, **names}
    exec(f"def step(self, oracle, x, eta):\n    f = oracle.F(x, oracle.fresh())\n    {text}", space)
    return type("Mine", (), {"step": space["step"]})()


WAYS = [lambda training: training.sde(1), lambda training: training.map]


@pytest.mark.parametrize("way", WAYS, ids=["sde", "map"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("return None", ["the next state as a vector like x", "got NoneType"]),
        ("return 3", ["the next state as a vector like x", "got int"]),
        ("return x, x", ["the next state as a vector like x", "got (", "shape (3, 1)"]),
        ("return x - eta * f if f[0] > 0 else x", ["only sums", "no comparisons, indices", "got TypeError: "]),
        ("return x - eta * f[:2]", ["only sums", "got TypeError: "]),
        ("return x - eta * f * f", ["oracle.square(v)", "got ShapeError: "]),
        ("return x - eta * np.sign(f)", ["numpy functions", "got TypeError: "]),
        ("return x - eta * oracle.hessian(f)", ["calls of the oracle", "has no attribute 'hessian'"]),
        ("return x - eta * oracle.only('nobody', f)", ["calls of the oracle", "'nobody'"]),
    ],
)
def test_mistakes_in_a_step_are_one_line(way, text, words):
    with pytest.raises(ValueError, match=r"^algorithm: expected Mine\.step to [^\n]*[,;] got [^\n]*$") as error:
        way(gs.Training(game(), own(text)))
    assert all(word in str(error.value) for word in words), error.value


def test_lines_of_our_own_pass_through():
    with pytest.raises(ValueError, match=r"^algorithm: expected divisors that are not 0 at learning rate 0"):
        gs.Training(game(), own("return x - f / eta")).sde(1)
    with pytest.raises(ValueError, match=r"^scaled: expected a game with a scaling"):
        _ = gs.Training(game(), own("return x - eta * oracle.scaled(x, f)")).map


class Memory(gs.algorithms.AbstractMemoryAlgorithm):
    """Carries one vector, and may be told to return something else."""

    slots = ("kept",)

    def __init__(self, start=lambda x: (x * 0,), end=lambda x, kept: (x, (kept,))):
        self._start, self._end = start, end

    def start(self, x):
        return self._start(x)

    def step(self, oracle, x, memory, eta):
        (kept,) = memory
        return self._end(x - eta * oracle.F(x, oracle.fresh()), kept)


@pytest.mark.parametrize("way", WAYS, ids=["sde", "map"])
@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda x, kept: x, "to return (x, (kept,)), got "),
        (lambda x, kept: (x, kept), "to return (x, (kept,)), got ("),
        (lambda x, kept: (x, (kept, kept)), "to return as many carried vectors as slots, 1, got 2"),
        (lambda x, kept: (x, (0,)), "to return kept as a vector like x, got int"),
        (lambda x, kept: (None, (kept,)), "to return the next state as a vector like x, got NoneType"),
    ],
)
def test_a_memory_that_is_not_returned(way, end, words):
    gs.Training(game(), Memory()).recipe()
    with pytest.raises(ValueError, match=rf"^algorithm: expected Memory\.step {re.escape(words)}[^\n]*$"):
        way(gs.Training(game(), Memory(end=end)))


@pytest.mark.parametrize(
    "start", [lambda x: (x, x), lambda x: x, lambda x: (0,), lambda x: None, lambda x: (x[:, :1],)]
)
def test_a_start_that_does_not_fit(start):
    with pytest.raises(
        ValueError, match=r"^algorithm: expected Memory\.start to return a tuple of [^\n]*\(kept\), got "
    ):
        gs.Training(game(), Memory(start)).start(np.zeros((5, 3)), 0.1)


def test_what_cannot_be_an_algorithm():
    class Forgetful:
        def step(self, oracle, x, memory, eta):
            return x, memory

    class Unnamed(Memory):
        slots = "kept"

    for algorithm, words in (
        (gs.algorithms.SGDA, r"got the class SGDA; use SGDA\(\)"),
        (3, r"got 3; use gan_sde\.algorithms\.get\(name\)"),
        (Forgetful(), r"got step\(oracle, x, memory, eta\); a method with memory derives from AbstractMemoryAlgorithm"),
        (Unnamed(), r"Unnamed\.slots to be a tuple of names, got 'kept'"),
    ):
        with pytest.raises(ValueError, match=rf"^algorithm: expected [^\n]*{words}$"):
            gs.Training(game(), algorithm)
