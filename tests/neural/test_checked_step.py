"""A user's own algorithms, with mistakes: each is named in one line, and nothing has moved."""

from functools import partial

import pytest
import torch

from gan_sde.neural import GameOptimizer, NetworkOracle, iterate
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm
from tests.neural.networks import modules, payoff, tensor_oracle

torch.set_num_threads(1)
BATCH = {"y": torch.tensor([0.4, 1.0]).double(), "z": torch.tensor([-0.3, 0.8]).double()}
START = torch.tensor([0.3, -0.2, 0.6, 0.9], dtype=torch.float64)
THROUGH = {"own step": None, "through SGD": partial(torch.optim.SGD, lr=0.1)}


class Own:
    """An algorithm from the text of its step."""

    def __init__(self, text):
        self.text = text

    def step(self, oracle, x, eta):
        return self.text(oracle, x, eta)


class Carrying(AbstractMemoryAlgorithm):
    """One with memory, from the texts of its parts."""

    def __init__(self, text=lambda oracle, x, memory, eta: (x, memory), start=lambda x: (x * 0,), slots=("past",)):
        self.text, self.begin, self.names = text, start, slots

    @property
    def slots(self):
        return self.names

    def start(self, x):
        return self.begin(x)

    def step(self, oracle, x, memory, eta):
        return self.text(oracle, x, memory, eta)


class Short:
    def step(self, oracle, x):
        return x


class Stray:
    def step(self, oracle, x, memory, eta):
        return x, memory


def optimizer_with(algorithm, through="own step"):
    optimizer = GameOptimizer(
        modules("lq-gan"), payoff("lq-gan"), lambda: BATCH, algorithm=algorithm, lr=0.1, through=THROUGH[through]
    )
    optimizer.oracle.layout.write(START)
    return optimizer


STEPS = {
    "nothing": (Own(lambda oracle, x, eta: None), r"a step to a floating tensor of shape \(4,\), got None"),
    "a number": (Own(lambda oracle, x, eta: 1.0), r"a step to a floating tensor of shape \(4,\), got 1.0"),
    "an array": (Own(lambda oracle, x, eta: x.numpy()), r"a step to a floating tensor of shape \(4,\), got array"),
    "a part": (Own(lambda oracle, x, eta: x[:1]), r"a step to .* \(4,\), got \(1,\) of torch.float64"),
    "a sum": (Own(lambda oracle, x, eta: x.sum()), r"a step to .* \(4,\), got \(\) of torch.float64"),
    "complex numbers": (Own(lambda oracle, x, eta: x + 1j), r"a step to .* \(4,\), got \(4,\) of torch.complex128"),
    "integers": (Own(lambda oracle, x, eta: x.long()), r"a step to .* \(4,\), got \(4,\) of torch.int64"),
    "no pair": (Carrying(lambda oracle, x, memory, eta: x), r"a step that returns \(state, carried vectors\), got \(4"),
    "a bare vector": (
        Carrying(lambda oracle, x, memory, eta: (x, memory[0])),
        r"a tuple of the carried vectors past from step, got \(4,\)",
    ),
    "one too many": (
        Carrying(lambda oracle, x, memory, eta: (x, (*memory, x))),
        "a tuple of the carried vectors past from step, got 2 of them",
    ),
    "a part carried": (
        Carrying(lambda oracle, x, memory, eta: (x, (x[:1],))),
        r"past as a floating tensor of shape \(4,\) from step, got \(1,\)",
    ),
    "a number carried": (
        Carrying(lambda oracle, x, memory, eta: (x, (1.0,))),
        r"past as a floating tensor of shape \(4,\) from step, got 1.0",
    ),
    "a start of nothing": (Carrying(start=lambda x: ()), "a tuple of the carried vectors past from start, got 0 of"),
    "a bare start": (Carrying(start=lambda x: x), r"a tuple of the carried vectors past from start, got \(4,\)"),
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("case", STEPS)
def test_what_a_step_returns_is_checked_before_it_is_used(case, through):
    algorithm, message = STEPS[case]
    optimizer = optimizer_with(algorithm, through)
    with pytest.raises(ValueError, match=rf"^algorithm: expected {message}[^\n]*$"):
        optimizer.step()
    assert torch.equal(optimizer.oracle.layout.read(), START) and not optimizer.state
    with pytest.raises(ValueError, match=r"^algorithm: expected [^\n]*$"):
        list(iterate(algorithm, tensor_oracle("lq-gan", 3), START.expand(3, 4), 0.1, 1))


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [
        (Short(), r"Short.step\(oracle, x, eta\), got step\(oracle, x\); a method with memory derives"),
        (Stray(), r"Stray.step\(oracle, x, eta\), got step\(oracle, x, memory, eta\)"),
        (Own, r"an object with step\(oracle, x, eta\), got the class Own"),
        (Carrying(slots="past"), "Carrying.slots to be a tuple of names, got 'past'"),
        (Carrying(slots=(1,)), r"Carrying.slots to be a tuple of names, got \(1,\)"),
        (Carrying(slots=("past", "past")), r"Carrying.slots to be different names, got \('past', 'past'\)"),
    ],
)
def test_an_algorithm_that_cannot_run_is_refused_at_once(algorithm, message):
    with pytest.raises(ValueError, match=rf"^algorithm: expected {message}[^\n]*$"):
        optimizer_with(algorithm)
    with pytest.raises(ValueError, match=rf"^algorithm: expected {message}[^\n]*$"):
        next(iterate(algorithm, tensor_oracle("lq-gan", 3), START.expand(3, 4), 0.1, 1))


@pytest.mark.parametrize("through", THROUGH)
def test_a_step_may_work_in_place(through):
    """Through another optimiser the difference from the start was 0, and training stood still."""

    def in_place(oracle, x, eta):
        return x.sub_(eta * oracle.F(x, oracle.fresh()))

    ends = []
    for algorithm in (Own(in_place), "sgda"):
        optimizer = optimizer_with(algorithm, through)
        for _ in range(3):
            optimizer.step()
        ends.append(optimizer.oracle.layout.read())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(ends[0], START)
    states = START.expand(3, 4).clone()
    list(iterate(Own(in_place), tensor_oracle("lq-gan", 3), states, 0.1, 2))
    assert torch.equal(states, START.expand(3, 4))


def test_a_step_with_a_graph_leaves_none_behind():
    def graphed(oracle, x, memory, eta):
        x = x.requires_grad_() * 1.0
        return x, (x,)

    optimizer = optimizer_with(Carrying(graphed))
    with pytest.warns(UserWarning, match="losses: expected a gradient"):
        optimizer.step()
    assert not any(vector.requires_grad for own in optimizer.state.values() for vector in own.values())


def test_unknown_players_and_other_vectors_are_named():
    network = NetworkOracle(modules("lq-gan"), payoff("lq-gan"), lambda: BATCH)
    for oracle, x in ((network, START), (tensor_oracle("lq-gan", 1), START[None])):
        with pytest.raises(ValueError, match=r"^player: expected 'discriminator' or 'generator', got 'actor'$"):
            oracle.only("actor", x)
    with pytest.raises(ValueError, match=r"^player: expected 'discriminator' or 'generator', got 'actor'$"):
        network.run("actor", START, BATCH["z"])
    with pytest.raises(ValueError, match=r"^v: expected shape \(4,\), got \(2,\)$"):
        network.vjp(START, START[:2], BATCH)
    with pytest.raises(ValueError, match=r"^x: expected a tensor of shape \(4,\), got \[0.3"):
        network.F([0.3, 0.1, 0.0, 0.0], BATCH)
