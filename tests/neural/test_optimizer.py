"""The torch optimiser against symbolic games, hand-written loops and torch's own optimisers."""

import inspect
import warnings
from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn

import gan_sde as gs
from gan_sde.neural import GameOptimizer, NetworkOracle
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm, run_step
from gan_sde.symbolic.oracle import RatedOracle
from tests.neural.networks import draw, gan, modules, non_saturating, payoff, tensor_oracle

START = torch.tensor([0.3, -0.2, 0.6, 0.9], dtype=torch.float64)


def optimizer_on(players, losses, batches, **options):
    stream = iter(batches)
    return GameOptimizer(players, losses, lambda: next(stream), **options)


def state(optimizer):
    return optimizer.oracle.layout.read()


@pytest.mark.filterwarnings("ignore:losses")  # adversarial training leaves the adversary where it is
@pytest.mark.parametrize(
    "rates", [{"discriminator": 0.05, "generator": 0.05}, {"discriminator": 0.05, "generator": 0.02}]
)
@pytest.mark.parametrize("name", gs.algorithms.names())
def test_steps_are_those_of_the_symbolic_game(name, rates):
    """Four steps, with memory carried from one to the next, and one rate a player."""
    algorithm, reference = gs.algorithms.get(name), tensor_oracle("lq-gan", 1)
    batches = [reference.fresh() for _ in range(60)]
    optimizer = optimizer_on(
        modules("lq-gan"), payoff("lq-gan"), [{s.name: v[0] for s, v in b.items()} for b in batches],
        algorithm=algorithm, lr=rates,
    )  # fmt: skip
    optimizer.oracle.layout.write(START)
    stream = iter(batches)
    reference.fresh = lambda: next(stream)
    multiples = {player: rate / 0.05 for player, rate in rates.items()}
    x = START[None]
    memory = algorithm.start(x) if isinstance(algorithm, AbstractMemoryAlgorithm) else ()
    for _ in range(4):
        optimizer.step()
        x, memory = run_step(algorithm, RatedOracle(reference, multiples), x, memory, 0.05)
    torch.testing.assert_close(state(optimizer), x[0], rtol=1e-12, atol=1e-12)


def by_hand(players, batches, make):
    """The usual loop: gradients of each player's own loss, then its own optimiser's step."""
    optimizers = {name: make(module.parameters()) for name, module in players.items()}
    for batch in batches:
        losses = non_saturating(players, batch)
        for name, module in players.items():
            own = list(module.parameters())
            for parameter, gradient in zip(own, torch.autograd.grad(losses[name], own, retain_graph=True), strict=True):
                parameter.grad = gradient
        for optimizer in optimizers.values():
            optimizer.step()
    return torch.cat([p.detach().reshape(-1) for m in players.values() for p in m.parameters()])


MAKERS = {
    "SGD": partial(torch.optim.SGD, lr=0.1),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.01),
    "Adam": partial(torch.optim.Adam, lr=0.01),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_descent_through_an_optimiser_is_the_usual_loop(maker):
    rng = torch.Generator().manual_seed(0)
    batches = [draw(rng) for _ in range(10)]
    optimizer = optimizer_on(gan(1), non_saturating, batches, algorithm="sgda", lr=0.3, through=MAKERS[maker])
    for _ in batches:
        optimizer.step()
    expected = by_hand(gan(1), batches, MAKERS[maker])
    torch.testing.assert_close(state(optimizer), expected, rtol=1e-9, atol=1e-10)
    assert not torch.allclose(by_hand(gan(1), batches[::-1], MAKERS[maker]), expected)  # batches matter


@pytest.mark.filterwarnings("ignore:losses")  # adversarial training leaves the adversary where it is
@pytest.mark.parametrize("name", gs.algorithms.names())
def test_through_plain_descent_is_the_algorithms_own_step(name):
    reference = tensor_oracle("lq-gan", 1)
    batches = [{s.name: v[0] for s, v in reference.fresh().items()} for _ in range(60)]
    ends = []
    for through in (None, partial(torch.optim.SGD, lr=0.05)):
        optimizer = optimizer_on(
            modules("lq-gan"), payoff("lq-gan"), batches, algorithm=name, lr=0.05, through=through
        )  # fmt: skip
        optimizer.oracle.layout.write(START)
        for _ in range(4):
            optimizer.step()
        ends.append(state(optimizer))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:losses")  # the move is below rounding
def test_direction_keeps_single_precision_at_a_small_rate():
    """`x - step(x)` would lose four digits of these gradients in single precision."""
    batches = [draw(torch.Generator().manual_seed(2), dtype=torch.float32)]
    make = partial(torch.optim.SGD, lr=0.0)
    optimizer = optimizer_on(gan(3, torch.float32), non_saturating, batches, lr=1e-4, through=make)
    x = state(optimizer)
    field = optimizer.oracle.F(x, batches[0])
    optimizer.step()
    graded = torch.cat([p.grad.reshape(-1) for group in optimizer.param_groups for p in group["params"]])
    torch.testing.assert_close(graded, field, rtol=1e-6, atol=1e-9)
    naive = (x - (x - 1e-4 * field)) / 1e-4
    assert not torch.allclose(naive, field, rtol=1e-3, atol=1e-6)


def test_schedulers_set_the_rates():
    """StepLR for all groups, and LambdaLR with one factor a player, against constant rates set by hand."""
    rng = torch.Generator().manual_seed(4)
    batches = [draw(rng) for _ in range(8)]
    base = {"discriminator": 0.4, "generator": 0.1}

    def train(schedule=None, rates=None):
        optimizer = optimizer_on(gan(4), non_saturating, batches, algorithm="extragradient", lr=base)
        scheduler = schedule(optimizer) if schedule else None
        for k in range(4):
            if rates:
                for group in optimizer.param_groups:
                    group["lr"] = rates(k, group["player"])
            optimizer.step()
            if scheduler:
                scheduler.step()
        return state(optimizer)

    halved = train(partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.5))
    assert torch.equal(halved, train(rates=lambda k, player: base[player] * 0.5 ** (k // 2)))
    factors = [lambda k: 1.0, lambda k: 1 / (1 + k)]
    uneven = train(lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, factors))
    expected = train(rates=lambda k, player: base[player] * (1 if player == "discriminator" else 1 / (1 + k)))
    assert torch.equal(uneven, expected) and not torch.equal(uneven, halved)


THROUGH = {"own step": None, "RMSprop": MAKERS["RMSprop"]}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("name", ["sgda", "momentum", "optimistic", "adam", "averaging", "alex-gda"])
def test_training_continues_bit_by_bit(name, through):
    rng = torch.Generator().manual_seed(5)
    batches = [draw(rng, dtype=torch.float32) for _ in range(60)]
    options = {"algorithm": name, "lr": 0.03, "through": THROUGH[through]}
    optimizer = optimizer_on(gan(6, torch.float32), non_saturating, batches, **options)
    for _ in range(5):
        optimizer.step()
    drawn = {"alex-gda": 10}.get(name, 5)
    resumed = optimizer_on(gan(7, torch.float32), non_saturating, batches[drawn:], **options)
    for player, module in resumed.oracle.layout.modules.items():
        module.load_state_dict(optimizer.oracle.layout.modules[player].state_dict())
    saved = deepcopy(optimizer.state_dict())
    forgetful = optimizer_on(deepcopy(resumed.oracle.layout.modules), non_saturating, batches[drawn:], **options)
    resumed.load_state_dict(saved)
    for _ in range(5):
        for each in (optimizer, resumed, forgetful):
            each.step()
    assert torch.equal(state(optimizer), state(resumed))
    carries = through == "RMSprop" or name not in ("sgda", "averaging")  # an average does not act on the parameters
    assert torch.equal(state(optimizer), state(forgetful)) != carries
    if name == "averaging":
        parameter = optimizer.param_groups[1]["params"][0]
        assert torch.equal(
            optimizer.state[parameter]["average"], resumed.state[resumed.param_groups[1]["params"][0]]["average"]
        )


@pytest.mark.filterwarnings("ignore:losses")  # a start at which the gradient vanishes
def test_losses_are_those_of_the_first_evaluation():
    rng = torch.Generator().manual_seed(8)
    batches = [draw(rng) for _ in range(10)]
    players = gan(8)
    expected = non_saturating(players, batches[0])
    losses = optimizer_on(players, non_saturating, batches, algorithm="extragradient", lr=0.1).step()
    for player, value in expected.items():
        torch.testing.assert_close(losses[player], value.detach())
    assert not any(value.requires_grad for value in losses.values())
    value = payoff("lq-gan")(modules("lq-gan"), {"y": torch.ones(2), "z": torch.ones(2)}).detach()
    losses = optimizer_on(modules("lq-gan"), payoff("lq-gan"), [{"y": torch.ones(2), "z": torch.ones(2)}]).step()
    assert losses == {"discriminator": -value, "generator": value}


def test_a_users_own_algorithm():
    class Backwards:
        def step(self, oracle, x, eta):
            return x + eta * oracle.F(x, oracle.fresh())

    batch = draw(torch.Generator().manual_seed(9))
    optimizer = optimizer_on(gan(9), non_saturating, [batch], algorithm=Backwards(), lr=0.5)
    x = state(optimizer)
    field = NetworkOracle(gan(9), non_saturating, list).F(x, batch)
    optimizer.step()
    torch.testing.assert_close(state(optimizer), x + 0.5 * field)


def make(**options):
    return GameOptimizer(gan(0), non_saturating, lambda: draw(torch.Generator().manual_seed(0)), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "sgd"}, "algorithm: expected one of .* got 'sgd'"),
        ({"algorithm": 3}, r"algorithm: expected an object with step\(oracle, x, eta\), got 3"),
        ({"lr": 0}, "lr: expected a positive number, got 0"),
        ({"lr": {"critic": 1}}, "lr: expected a rate for each of discriminator, generator; got critic"),
        ({"lr": {"discriminator": 1, "generator": -1}}, r"lr\['generator'\]: expected a positive number, got -1"),
        ({"lr": {"generator": 1}, "through": MAKERS["SGD"]}, "lr: expected one number beside through"),
        ({"through": lambda params: 3}, "through: expected a function params -> optimiser, got one of 3"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_bad_use():
    with pytest.raises(ValueError, match="game: expected a zero-sum game of two players for lola, got a general-sum"):
        make(algorithm="lola").step()
    with pytest.raises(ValueError, match="scaled: expected a game with a scaling"):
        make(algorithm=gs.algorithms.get("crossing-the-curl", scaled=True)).step()
    with pytest.raises(ValueError, match="rates: expected one of the players discriminator, generator, got 'critic'"):
        make(algorithm=gs.algorithms.get("sgda", rates={"critic": 2})).step()
    with pytest.raises(ValueError, match="closure: expected none"):
        make().step(lambda: 0.0)
    with pytest.raises(ValueError, match="param_group: expected none"):
        make().add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    with pytest.raises(ValueError, match="state_dict: expected that of an optimiser with another below it, got one wi"):
        make(through=MAKERS["SGD"]).load_state_dict(make().state_dict())


def test_a_player_that_the_losses_do_not_see_is_named():
    """Calling the module itself, or detaching, leaves a player without a gradient: a warning at the first step only."""
    players = {"critic": nn.Linear(1, 1), "generator": nn.Linear(1, 1)}

    def payoff(networks, batch):
        return (networks["critic"](batch) - networks["critic"](players["generator"](batch))).mean()

    optimizer = GameOptimizer(players, payoff, lambda: torch.ones(4, 1), lr=0.1)
    with pytest.warns(UserWarning, match="expected a gradient for player 'generator', got exactly 0"):
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()


@pytest.mark.parametrize("through", [None, partial(torch.optim.SGD, lr=0.1)])
def test_a_player_without_a_rate_is_no_player_without_a_gradient(through):
    """Its first step with a rate tells; the warning stands at the caller's line, however often torch wraps the step."""
    players = {"critic": nn.Linear(1, 1), "generator": nn.Linear(1, 1)}

    def payoff(networks, batch):
        return (networks["critic"](batch) - networks["critic"](players["generator"](batch))).mean()

    optimizer = GameOptimizer(players, payoff, lambda: torch.ones(4, 1), lr=0.1, through=through)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer.inner or optimizer, lambda k: min(k, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    scheduler.step()
    with pytest.warns(UserWarning, match="player 'generator'") as caught:
        optimizer.step()
    (found,) = caught
    line = inspect.currentframe().f_lineno
    assert found.filename == __file__ and line - 3 <= found.lineno < line


@pytest.mark.parametrize("name, refused", [("sgda", False), ("crossing-the-curl", True), ("consensus", True)])
def test_dropout_is_refused_where_jacobians_are_used(name, refused):
    """A new mask at every evaluation: F, J v and J^T v would belong to different functions."""
    critic = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    players = {"critic": critic, "generator": nn.Linear(1, 1)}

    def payoff(networks, batch):
        return (networks["critic"](batch) - networks["critic"](networks["generator"](batch))).mean()

    optimizer = GameOptimizer(players, payoff, lambda: torch.ones(4, 1), algorithm=name, lr=0.1)
    if not refused:
        optimizer.step()
        return
    with pytest.raises(ValueError, match=r"players\['critic'\]: expected no active dropout"):
        optimizer.step()
    critic.eval()
    optimizer.step()


# -------------------------------------------------------------------- states of other trainings


def twins(*players, **options):
    """An optimiser of equal networks, one step on."""
    networks = {player: nn.Linear(1, 1) for player in players}

    def losses(networks, batch):
        return {player: network(batch).square().sum() for player, network in networks.items()}

    optimizer = GameOptimizer(networks, losses, lambda: torch.ones(1), **options)
    optimizer.step()
    return optimizer


def edited(state, *path, value):
    """A copy of a state with another entry at ``path``."""
    state = inside = deepcopy(state)
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return state


ADAM, LR = partial(torch.optim.Adam, lr=0.01), {"A": 0.1, "B": 0.001}
STATES = {
    "none": (twins("A", "B"), {}, "state_dict: expected one of a GameOptimizer"),
    "of another optimiser": (
        twins("A", "B"),
        torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0).state_dict(),
        "state_dict: expected one of a GameOptimizer",
    ),
    "other order": (
        twins("B", "A", lr=LR), twins("A", "B", lr=LR).state_dict(), "state_dict: expected players B, A; got A, B",
    ),
    "fewer players": (twins("A", "B"), twins("A").state_dict(), "state_dict: expected players A, B; got A"),
    "fewer parameters": (
        twins("A", "B"),
        edited(twins("A", "B").state_dict(), "param_groups", 1, "params", value=[2]),
        "state_dict: expected numbers of parameters 2, 2; got 2, 1",
    ),
    "velocities for adam": (
        twins("A", "B", algorithm="adam"),
        twins("A", "B", algorithm="momentum").state_dict(),
        "state_dict: expected an algorithm that carries first, second; got velocity",
    ),
    "velocities for descent": (
        twins("A", "B"),
        twins("A", "B", algorithm="momentum").state_dict(),
        "state_dict: expected an algorithm that carries nothing; got velocity",
    ),
    "one parameter's velocity lost": (
        twins("A", "B", algorithm="momentum"),
        edited(twins("A", "B", algorithm="momentum").state_dict(), "state", 3, value={}),
        "state_dict: expected an algorithm that carries velocity; got nothing",
    ),
    "other shape": (
        twins("A", "B", algorithm="momentum"),
        edited(twins("A", "B", algorithm="momentum").state_dict(), "state", 2, "velocity", value=torch.ones(3)),
        r"state_dict: expected velocity of shape \(1, 1\) for player 'B', got \(3,\)",
    ),
    "nothing carried": (
        twins("A", "B"),
        edited(twins("A", "B").state_dict(), "state", value=None),
        "state_dict: expected what the algorithm carries under 'state', got None",
    ),
    "through another kind": (
        twins("A", "B", through=ADAM),
        twins("A", "B", through=MAKERS["RMSprop"]).state_dict(),
        "state_dict: expected one of an optimiser that moves through Adam, got RMSprop",
    ),
    "groups lost below": (
        twins("A", "B", through=ADAM),
        edited(twins("A", "B", through=ADAM, lr=0.5).state_dict(), "through", "param_groups", value=[]),
        "loaded state dict has a different number of parameter groups",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_a_state_of_another_training_is_refused_whole(case):
    optimizer, foreign, message = STATES[case]
    before = deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=rf"^{message}[^\n]*$"):
        optimizer.load_state_dict(foreign)
    after = optimizer.state_dict()
    assert after.keys() == before.keys() and after["param_groups"] == before["param_groups"]
    for number, own in before["state"].items():
        for slot, value in own.items():
            assert torch.equal(after["state"][number][slot], value)
    optimizer.step()


def test_a_state_from_before_the_first_step_fits():
    fresh = make(algorithm="adam")
    other = make(algorithm="adam", lr=0.5)
    other.load_state_dict(fresh.state_dict())
    assert [group["lr"] for group in other.param_groups] == [1e-3] * 2
