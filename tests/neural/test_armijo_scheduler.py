"""Line searches that set rates of torch optimisers: against Jacobians, the promised decrease, untouched loops."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from analysis.schedules import YaidaRule, armijo_warmup
from gan_sde.neural import ArmijoLR, FluctuationLR, GameOptimizer, NetworkOracle, scheduled_lr
from tests.neural.networks import draw, gan, modules, non_saturating, payoff, tensor_oracle

torch.set_num_threads(1)
START = torch.tensor([-1.0, 0.2, 0.6, 0.9], dtype=torch.float64)
"""Where the generator's own loss is convex (w2 < 0): elsewhere no rate is accepted."""


def batch_of(seed):
    return draw(torch.Generator().manual_seed(seed))


def sgd(players, **rates):
    """One optimiser a player."""
    return {name: torch.optim.SGD(module.parameters(), lr=rates.get(name, 0.1)) for name, module in players.items()}


def own_gradients(players, losses):
    """Put each player's gradient of its own loss into `.grad`; returns all of them as one vector."""
    for name, module in players.items():
        own = list(module.parameters())
        for parameter, gradient in zip(own, torch.autograd.grad(losses[name], own, retain_graph=True), strict=True):
            parameter.grad = gradient
    return torch.cat([p.grad.reshape(-1) for module in players.values() for p in module.parameters()])


def iterate(players, optimizers, losses, batch):
    """The usual loop's body, both players at once; returns the field before it."""
    field = own_gradients(players, losses(players, batch))
    for optimizer in optimizers.values():
        optimizer.step()
    return field


# -------------------------------------------------------------------- against the dense text


def lq_losses(networks, batch):
    value = payoff("lq-gan")(networks, batch)
    return {"discriminator": -value, "generator": value}


def through_torch(batch, lr):
    players = modules("lq-gan")
    optimizers, oracle = sgd(players, discriminator=lr, generator=lr), NetworkOracle(players, lq_losses, lambda: batch)
    oracle.layout.write(START)
    scheduler = ArmijoLR(optimizers, oracle, smoothing=0.3)
    while True:
        scheduler.step(batch)
        yield scheduler.get_last_lr()
        iterate(players, optimizers, lq_losses, batch)


def through_game_optimizer(batch, lr, through=None):
    optimizer = GameOptimizer(
        modules("lq-gan"), payoff("lq-gan"), lambda: batch, algorithm="sgda", lr=lr, through=through
    )
    optimizer.oracle.layout.write(START)
    scheduler = ArmijoLR(optimizer, smoothing=0.3)
    while True:
        scheduler.step()
        yield scheduler.get_last_lr()
        optimizer.step()


TRAININGS = {
    "two optimisers": through_torch,
    "GameOptimizer": through_game_optimizer,
    "GameOptimizer through SGD": lambda batch, lr: through_game_optimizer(
        batch, lr, lambda groups: torch.optim.SGD(groups, lr=lr)
    ),
}


@pytest.mark.parametrize("training", TRAININGS)
def test_rates_are_those_of_the_dense_warmup(training):
    """On the LQ-GAN, whose symbolic field and Jacobian the dense search takes on the same samples."""
    reference = tensor_oracle("lq-gan", 1)
    batch = reference.fresh()
    unit = torch.eye(4, dtype=torch.float64)

    def field(x):
        return reference.F(torch.from_numpy(x)[None], batch)[0].numpy()

    def jacobian(x):
        return torch.stack([reference.jvp(torch.from_numpy(x)[None], e[None], batch)[0] for e in unit], dim=1).numpy()

    expected = armijo_warmup(field, jacobian, START.numpy(), lr=0.01, steps=40, smoothing=0.3)
    assert expected.max() > 4 * expected[0] and np.any(np.diff(expected) < 0)  # it rises and falls
    steps = TRAININGS[training]({s.name: v[0] for s, v in batch.items()}, 0.01)
    found = [next(steps) for _ in expected]
    for player in ("discriminator", "generator"):
        np.testing.assert_allclose([rates[player] for rates in found], expected[:, None], rtol=1e-10)


@pytest.mark.parametrize("ratio", [1.0, 0.25, 0.0])
def test_players_keep_the_ratio_of_their_rates(ratio):
    """F = (p + q, q - p) at (1, 2): the largest rate of lr 2^(1 - k) that lowers H enough along (3, ratio)."""
    players = {name: nn.Linear(1, 1, bias=False).double() for name in ("p", "q")}

    def losses(networks, batch):
        p, q = (networks[name](batch).sum() for name in ("p", "q"))
        return {"p": p**2 / 2 + p * q, "q": q**2 / 2 - p * q}

    oracle, one = NetworkOracle(players, losses, list), torch.ones(1, 1, dtype=torch.float64)
    oracle.layout.write(torch.tensor([1.0, 2.0], dtype=torch.float64))
    scheduler = ArmijoLR(sgd(players, p=4.0, q=4.0 * ratio), oracle, smoothing=1.0, decrease=0.3)
    found = scheduler.step(one)
    matrix, x = np.array([[1.0, 1.0], [-1.0, 1.0]]), np.array([1.0, 2.0])
    field = matrix @ x
    direction = np.array([1.0, ratio]) * field
    slope = field @ matrix @ direction

    def accepted(rate):
        return np.sum((matrix @ (x - rate * direction)) ** 2) / 2 <= field @ field / 2 - 0.3 * rate * slope

    assert found.accepted and accepted(found.rate) and not accepted(2 * found.rate)
    assert scheduler.get_last_lr() == {"p": [found.rate], "q": [ratio * found.rate]}


# -------------------------------------------------------------------- what is promised


def test_a_searched_step_lowers_the_hamiltonian_of_networks():
    """By as much as promised, on a fixed batch; at twice the rate it does not where a larger one was refused."""
    players, batch = gan(1), batch_of(1)
    optimizers = sgd(players, discriminator=2.0, generator=2.0)
    scheduler = ArmijoLR(optimizers, NetworkOracle(players, non_saturating, lambda: batch), smoothing=1.0, decrease=0.2)
    parameters = [p for module in players.values() for p in module.parameters()]

    def hamiltonian(moved_by=0.0, direction=None):
        with torch.no_grad():
            pieces = [torch.zeros(())] * len(parameters) if direction is None else direction
            for p, d in zip(parameters, pieces, strict=True):
                p -= moved_by * d
        field = own_gradients(players, non_saturating(players, batch))
        with torch.no_grad():
            for p, d in zip(parameters, pieces, strict=True):
                p += moved_by * d
        return float(field @ field) / 2

    refused = accepted = 0
    for _ in range(40):
        found, before = scheduler.step(batch), hamiltonian()
        directions = [p.grad.clone() for p in parameters]
        small = 1e-5
        slope = (hamiltonian(-small, directions) - hamiltonian(small, directions)) / (2 * small)
        after, beyond = (hamiltonian(found.rate * multiple, directions) for multiple in (1, 2))
        if found.accepted:
            accepted += 1
            assert after <= before - 0.2 * found.rate * slope * (1 - 1e-6)
            if found.tries > 1:
                refused += 1
                assert beyond > before - 0.2 * 2 * found.rate * slope * (1 + 1e-6)
        else:
            assert slope < 1e-6
        iterate(players, optimizers, non_saturating, batch)
    assert accepted >= 30 and refused >= 10


def test_a_search_leaves_everything_but_rates():
    """Parameters, gradients, the losses last seen and random numbers, even where the losses draw some."""
    torch.manual_seed(2)
    players, batch = gan(2), batch_of(2)

    def noisy(networks, batch):
        return non_saturating(networks, (batch[0] + 0.1 * torch.randn_like(batch[0]), batch[1]))

    optimizers = sgd(players, discriminator=0.01, generator=0.01)
    oracle = NetworkOracle(players, noisy, lambda: batch)
    scheduler = ArmijoLR(optimizers, oracle)
    own_gradients(players, noisy(players, batch))

    def everything():
        tensors = [(p.clone(), p.grad.clone()) for module in players.values() for p in module.parameters()]
        return [*(t for pair in tensors for t in pair), torch.get_rng_state()]

    before = everything()
    rates = scheduler.get_last_lr()
    scheduler.step(batch)
    assert all(torch.equal(*pair) for pair in zip(before, everything(), strict=True))
    assert oracle.first_losses is None and scheduler.get_last_lr() != rates
    assert all(p.requires_grad for module in players.values() for p in module.parameters())


def test_a_game_optimizers_batches_stay_in_order():
    """With the rates put back after every search, training is bit by bit the one without."""
    ends = []
    for searches in (False, True):
        stream = torch.Generator().manual_seed(3)
        optimizer = GameOptimizer(gan(3), non_saturating, lambda s=stream: draw(s), algorithm="extragradient", lr=0.05)
        scheduler = ArmijoLR(optimizer)
        for _ in range(10):
            if searches:
                scheduler.step()
                for group in optimizer.param_groups:
                    group["lr"] = 0.05
            optimizer.step()
        ends.append(optimizer.oracle.layout.read())
    assert torch.equal(*ends)


# -------------------------------------------------------------------- in company


def test_other_schedulers_run_beside_and_after_it():
    players, batch = gan(4), batch_of(4)
    optimizers = sgd(players, discriminator=0.2, generator=0.1)
    scheduler = ArmijoLR(optimizers, NetworkOracle(players, non_saturating, lambda: batch), steps=12, smoothing=1.0)
    halving = [torch.optim.lr_scheduler.StepLR(o, step_size=1, gamma=0.5) for o in optimizers.values()]
    falling = FluctuationLR(optimizers, YaidaRule(tolerance=1e3, reduction=0.5, period=5))
    for _ in range(12):
        present = optimizers["discriminator"].param_groups[0]["lr"]
        found = scheduler.step(batch)
        assert found.rate == pytest.approx(2 * present * 0.5 ** (found.tries - 1)) or not found.accepted
        rate = found.rate if found.accepted else present
        assert scheduler.get_last_lr() == {
            "discriminator": [pytest.approx(rate)],
            "generator": [pytest.approx(rate / 2)],
        }
        iterate(players, optimizers, non_saturating, batch)
        for each in halving:
            each.step()
        halves = 2 if falling.step() else 1
        assert optimizers["generator"].param_groups[0]["lr"] == pytest.approx(rate / 2 * 0.5**halves)
    assert falling.rule.drops > 0
    rates = scheduler.get_last_lr()
    assert scheduler.step(batch) is None and scheduler.get_last_lr() == rates and scheduler.taken == 12
    for player, optimizer in optimizers.items():  # an array takes over
        scheduled_lr(optimizer, np.geomspace(rates[player][0], 1e-3, 10))
    assert scheduler.get_last_lr() == {player: [pytest.approx(own[0])] for player, own in rates.items()}


def test_a_training_in_two_parts_is_the_training_in_one():
    def setting():
        stream = torch.Generator().manual_seed(5)
        optimizer = GameOptimizer(gan(5), non_saturating, lambda: draw(stream), lr=0.05)
        return stream, optimizer, ArmijoLR(optimizer, steps=8)

    def run(optimizer, scheduler, number):
        for _ in range(number):
            scheduler.step()
            optimizer.step()

    _, whole, full = setting()
    run(whole, full, 12)
    stream, optimizer, scheduler = setting()
    run(optimizer, scheduler, 5)
    kept = (optimizer.oracle.layout.read(), stream.get_state(), optimizer.state_dict(), scheduler.state_dict())
    kept = deepcopy(kept)
    stream, optimizer, scheduler = setting()
    optimizer.oracle.layout.write(kept[0])
    stream.set_state(kept[1])
    optimizer.load_state_dict(kept[2])
    scheduler.load_state_dict(kept[3])
    run(optimizer, scheduler, 7)
    assert scheduler.taken == 8 and scheduler.get_last_lr() == full.get_last_lr() != {"discriminator": [0.05]}
    assert torch.equal(optimizer.oracle.layout.read(), whole.oracle.layout.read())


def test_rates_in_tensors_and_several_groups():
    players, batch = gan(6), batch_of(6)
    first, last = players["discriminator"][0], players["discriminator"][2]
    groups = [
        {"params": first.parameters(), "lr": torch.tensor(0.1)},
        {"params": [*last.parameters(), *players["generator"].parameters()], "lr": torch.tensor(0.05)},
    ]
    optimizer = torch.optim.SGD(groups)
    tensors = [group["lr"] for group in optimizer.param_groups]
    scheduler = ArmijoLR(optimizer, NetworkOracle(players, non_saturating, lambda: batch), smoothing=1.0)
    found = scheduler.step()
    assert found.accepted and [float(t) for t in tensors] == pytest.approx([found.rate, found.rate / 2])
    assert scheduler.get_last_lr()["generator"] == [pytest.approx(found.rate / 2)]


def test_without_a_usable_rate_or_hamiltonian_nothing_changes():
    players, batch = gan(7), batch_of(7)
    optimizers = sgd(players, discriminator=0.0, generator=0.0)
    scheduler = ArmijoLR(optimizers, NetworkOracle(players, non_saturating, lambda: batch))
    assert scheduler.step().accepted is False and scheduler.get_last_lr()["generator"] == [0.0]
    for optimizer in optimizers.values():
        optimizer.param_groups[0]["lr"] = 0.1
    assert scheduler.step().accepted
    rates = scheduler.get_last_lr()
    infinite = (batch[0] * float("inf"), batch[1])
    assert scheduler.step(infinite).accepted is False and scheduler.get_last_lr() == rates


def oracle_of(players, **options):
    return NetworkOracle(players, non_saturating, list, **options)


def game_optimizer(players, **options):
    return GameOptimizer(players, non_saturating, list, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: ArmijoLR(sgd(g), None), "oracle: expected a NetworkOracle of the game, got None"),
        (lambda g: ArmijoLR(sgd(g), g), "oracle: expected a NetworkOracle of the game"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g, replicas=3)), "oracle: expected one without replicas, got 3"),
        (lambda g: ArmijoLR(game_optimizer(g), oracle_of(g)), "oracle: expected none beside a GameOptimizer"),
        (lambda g: ArmijoLR([sgd(g)], oracle_of(g)), "optimizers: expected {player: optimiser}"),
        (
            lambda g: ArmijoLR({"generator": sgd(g)["generator"]}, oracle_of(g)),
            "optimizers: expected one of all parameters of 'discriminator', got none of 4",
        ),
        (
            lambda g: ArmijoLR({**sgd(g), "more": torch.optim.SGD(nn.Linear(1, 1).parameters())}, oracle_of(g)),
            "optimizers: expected parameters of the oracle's players alone, got 2 others",
        ),
        (
            lambda g: ArmijoLR(torch.optim.Adam([p for m in g.values() for p in m.parameters()]), oracle_of(g)),
            "optimizers: expected rates of plain gradient steps, got Adam, which rescales them",
        ),
        (lambda g: ArmijoLR(game_optimizer(g, algorithm="adam")), "optimizers: .* got the algorithm Adam"),
        (lambda g: ArmijoLR(game_optimizer(g, through=torch.optim.RMSprop)), "optimizers: .* got RMSprop"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g), steps=0), "steps: expected an integer >= 1, got 0"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g), smoothing=2), r"smoothing: expected a number in \(0, 1\], got 2"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g), factor=1.5), "factor: expected"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g), decrease="x"), "decrease: expected"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g)).load_state_dict({}), "state_dict: expected one of an ArmijoLR"),
        (lambda g: ArmijoLR(sgd(g), oracle_of(g)).load_state_dict({"taken": -1}), r"state_dict\['taken'\]: expected"),
    ],
)
def test_bad_input_is_named_in_one_line(call, message):
    with pytest.raises(ValueError, match=rf"^{message}[^\n]*$"):
        call(gan(0))


def test_a_frozen_layer_may_stand_in_an_optimiser():
    players, batch = gan(8), batch_of(8)
    for parameter in players["generator"][0].parameters():
        parameter.requires_grad_(False)
    scheduler = ArmijoLR(sgd(players), NetworkOracle(players, non_saturating, lambda: batch))
    assert scheduler.step().accepted


def test_a_search_that_fails_counts_for_nothing():
    players, batch = gan(9), batch_of(9)

    def tripping(networks, batch):
        losses = non_saturating(networks, batch)
        if oracle.first_losses is not None:
            raise RuntimeError("tripped at the second evaluation")
        return losses

    oracle = NetworkOracle(players, tripping, lambda: batch)
    scheduler = ArmijoLR(sgd(players), oracle)
    rates = scheduler.get_last_lr()
    with pytest.raises(RuntimeError, match="tripped"):
        scheduler.step()
    assert scheduler.taken == 0 and oracle.first_losses is None and scheduler.get_last_lr() == rates
