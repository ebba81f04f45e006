"""Schedulers of torch optimisers that follow a rule or an array."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from analysis.schedules import PerPlayer, StationarityRule, YaidaRule, cosine, two_time_scale
from gan_sde.neural import GameOptimizer
from gan_sde.neural.fluctuation_monitor import FluctuationMonitor
from gan_sde.neural.rate_scheduler import FluctuationLR, scheduled_lr, scheduled_lrs
from tests.neural.networks import draw, gan, non_saturating

torch.set_num_threads(1)


def noisy(dim, seed, rates):
    """A quadratic game of two vectors under noise; one optimiser a player, and a function that makes an iteration."""
    stream = torch.Generator().manual_seed(seed)
    first, second = (nn.Parameter(torch.randn(dim, generator=stream)) for _ in range(2))
    optimizers = {
        name: torch.optim.SGD([p], lr=lr) for (name, lr), p in zip(rates.items(), (first, second), strict=True)
    }

    def iterate():
        x, y = first.detach().clone(), second.detach().clone()
        first.grad = x + y + torch.randn(dim, generator=stream)
        second.grad = y - x + torch.randn(dim, generator=stream)
        for optimizer in optimizers.values():
            optimizer.step()

    return {"p": [first], "q": [second]}, optimizers, iterate


@pytest.mark.parametrize("rule", [StationarityRule(period=25), YaidaRule(tolerance=0.2, reduction=0.5, period=25)])
def test_rates_follow_the_rule(rule):
    """Against the rule fed by a monitor of its own; both optimisers keep their ratio."""
    players, optimizers, iterate = noisy(100, 0, {"p": 0.2, "q": 0.1})
    scheduler, twin = FluctuationLR(optimizers, copy.deepcopy(rule)), copy.deepcopy(rule)
    monitor = FluctuationMonitor(players, optimizers).attach(optimizers)
    for _ in range(3000):
        iterate()
        fell = scheduler.step()
        expected = any([twin.observe(*both) for both in monitor.take()])
        assert fell == expected
        found = scheduler.get_last_lr()
        assert found["p"] == [pytest.approx(0.2 * twin.rate)] and found["q"] == [pytest.approx(0.1 * twin.rate)]
    assert twin.drops >= 2


def test_a_training_in_two_parts_is_the_training_in_one():
    def setting():
        players = gan(4)
        stream = torch.Generator().manual_seed(1)
        optimizer = GameOptimizer(players, non_saturating, lambda: draw(stream), algorithm="sgda", lr=0.05)
        return stream, optimizer, FluctuationLR(optimizer, YaidaRule(tolerance=1e3, reduction=0.05, period=10))

    def run(optimizer, scheduler, number):
        for _ in range(number):
            optimizer.step()
            scheduler.step()

    _, whole, full = setting()
    run(whole, full, 400)
    assert full.rule.drops > 0 and set(full.get_last_lr()) == {"discriminator", "generator"}
    stream, optimizer, scheduler = setting()
    run(optimizer, scheduler, 151)
    kept = (optimizer.oracle.layout.read(), stream.get_state(), optimizer.state_dict(), scheduler.state_dict())
    kept = copy.deepcopy(kept)
    stream, optimizer, scheduler = setting()
    optimizer.oracle.layout.write(kept[0])
    stream.set_state(kept[1])
    optimizer.load_state_dict(kept[2])
    scheduler.load_state_dict(kept[3])
    run(optimizer, scheduler, 249)
    assert scheduler.get_last_lr() == full.get_last_lr()
    assert torch.equal(optimizer.oracle.layout.read(), whole.oracle.layout.read())


def test_through_another_optimiser_its_rates_fall():
    players, stream = gan(5), torch.Generator().manual_seed(2)
    optimizer = GameOptimizer(
        players, non_saturating, lambda: draw(stream), lr=0.05,
        through=lambda groups: torch.optim.RMSprop(groups, lr=0.01),
    )  # fmt: skip
    scheduler = FluctuationLR(optimizer, YaidaRule(tolerance=0.9, reduction=0.5, period=10))
    for _ in range(400):
        optimizer.step()
        scheduler.step()
    assert scheduler.monitor.observations == 200 and scheduler.rule.drops > 0
    assert scheduler.get_last_lr()["generator"] == [pytest.approx(0.01 * 0.5**scheduler.rule.drops)]
    assert all(group["lr"] == 0.05 for group in optimizer.param_groups)


def test_an_array_of_rates():
    rates = cosine(0.4, 20, warmup=5)
    first, second = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first], "lr": 2.0}, {"params": [second], "lr": 1.0}], lr=1.0)
    scheduler, seen = scheduled_lr(optimizer, rates), []
    for _ in range(22):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    full = np.append(rates, [rates[-1]] * 2)
    np.testing.assert_allclose(seen, np.stack([full, full / 2], axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda o: FluctuationLR({"p": o}, "yaida"), "rule"),
        (lambda o: FluctuationLR([o], YaidaRule()), "optimizers"),
        (lambda o: FluctuationLR({}, YaidaRule()), "optimizers"),
        (lambda o: FluctuationLR({"p": o}, YaidaRule(), every=1), "every"),
        (lambda o: scheduled_lr(o, [[0.1]]), "rates"),
        (lambda o: scheduled_lr(o, [-0.1]), "rates"),
        (lambda o: scheduled_lr({"p": o}, [0.1]), "optimizer"),
        (lambda o: scheduled_lr(torch.optim.SGD(o.param_groups[0]["params"], lr=0.0), [0.1]), "optimizer"),
        (lambda o: scheduled_lrs({}, [0.1]), "optimizers"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
        call(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1))


def test_through_another_optimiser_an_array_sets_its_rates():
    optimizer = GameOptimizer(
        gan(5), non_saturating, list, lr=0.05, through=lambda groups: torch.optim.SGD(groups, lr=0.01)
    )
    scheduled_lr(optimizer, [0.3, 0.2])
    assert [group["lr"] for group in optimizer.inner.param_groups] == [0.3, 0.3]
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.05]  # the look-ahead inside the algorithm
    assert FluctuationLR({"both": optimizer}, YaidaRule()).get_last_lr() == {"both": [0.3, 0.3]}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda s: None, "state_dict: expected entries rule, monitor, applied; got None"),
        (lambda s: {}, "state_dict: expected entries rule, monitor, applied; got none"),
        (lambda s: {**s, "rule": {"rules": []}}, r"state_dict\['rule'\]: expected entries rate, .* got rules"),
        (lambda s: {**s, "monitor": {}}, r"state_dict\['monitor'\]: expected entries record, .* got none"),
        (
            lambda s: {**s, "monitor": {**s["monitor"], "cycles": {"critic": 1, "q": 1}}},
            r"state_dict: expected players \('p', 'q'\), got \('critic', 'q'\)",
        ),
        (
            lambda s: {**s, "rule": {**s["rule"], "record": {"count": 3}}},
            r"state_dict\['rule'\]\['record'\]: expected entries count, length, blocks, pending; got count",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(edit, message):
    _, optimizers, iterate = noisy(3, 0, {"p": 0.2, "q": 0.1})
    scheduler, other = (FluctuationLR(optimizers, YaidaRule(period=4)) for _ in range(2))
    for _ in range(9):
        iterate()
        other.step()
    before, state = copy.deepcopy(scheduler.state_dict()), {**other.state_dict(), "applied": [0.5, 0.5]}
    with pytest.raises(ValueError, match=rf"^{message}[^\n]*$"):
        scheduler.load_state_dict(edit(state))
    assert str(scheduler.state_dict()) == str(before) != str(state)
    scheduler.load_state_dict(state)
    assert scheduler.state_dict()["applied"] == [0.5, 0.5]


def test_rules_of_other_players_are_refused_whole():
    _, optimizers, _ = noisy(3, 0, {"p": 0.2, "q": 0.1})
    scheduler = FluctuationLR(optimizers, PerPlayer(StationarityRule(), players=2))
    state = scheduler.state_dict()
    state["rule"] = PerPlayer(StationarityRule(), players=3).state_dict()
    with pytest.raises(ValueError, match=r"^state_dict\['rule'\]\['rules'\]: expected a list of 2, got 3$"):
        scheduler.load_state_dict(state)


# -------------------------------------------------------------------- a rate for each player


def test_each_players_rate_follows_its_own_balance():
    """Against the rule fed by a monitor of its own; only the player that falls changes."""
    players, optimizers, iterate = noisy(100, 0, {"p": 0.2, "q": 0.1})
    rule = PerPlayer(StationarityRule(period=25), players=2)
    scheduler, twin = FluctuationLR(optimizers, rule), copy.deepcopy(rule)
    monitor = FluctuationMonitor(players, optimizers).attach(optimizers)
    apart = False
    for _ in range(2000):
        iterate()
        fell = scheduler.step()
        assert fell == any([twin.observe(*both) for both in monitor.take()])
        found = scheduler.get_last_lr()
        assert found["p"] == [pytest.approx(0.2 * twin.rate[0])] and found["q"] == [pytest.approx(0.1 * twin.rate[1])]
        apart = apart or twin.rate[0] != twin.rate[1]
    assert apart and twin.drops >= 2
    fresh = FluctuationLR(optimizers, PerPlayer(StationarityRule(period=25), players=2))
    fresh.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    assert fresh.rule.state_dict() == scheduler.rule.state_dict() and not fresh.step()


def test_a_rule_of_other_players_is_refused():
    _, optimizers, _ = noisy(2, 0, {"p": 0.2, "q": 0.1})
    with pytest.raises(ValueError, match=r"^rule: expected [^\n]*$"):
        FluctuationLR(optimizers, PerPlayer(StationarityRule(), players=3))


def test_two_optimisers_follow_their_schedules():
    _, optimizers, iterate = noisy(2, 0, {"p": 0.2, "q": 0.1})
    rates = two_time_scale({"p": 0.3, "q": 0.2}, 20, exponents={"p": 0.6, "q": 0.9})
    schedulers = scheduled_lrs(optimizers, rates)
    for k in range(20):
        assert [o.param_groups[0]["lr"] for o in optimizers.values()] == pytest.approx([rates["p"][k], rates["q"][k]])
        iterate()
        for scheduler in schedulers.values():
            scheduler.step()
    common = scheduled_lrs(optimizers, rates["p"])
    assert [s.get_last_lr() for s in common.values()] == [[pytest.approx(0.3)]] * 2
    for bad, name in ((({"p": rates["p"]}), "rates"), ({"p": rates["p"], "q": -rates["q"]}, "rates")):
        with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
            scheduled_lrs(optimizers, bad)
    with pytest.raises(ValueError, match=r"^optimizers: expected [^\n]*$"):
        scheduled_lrs({"p": 3}, rates["p"])
