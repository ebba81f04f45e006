"""Networks against the same games from symbols, and their products against Jacobians that are formed."""

import pytest
import torch
from torch import nn

import gan_sde as gs
from gan_sde.neural import NetworkOracle
from gan_sde.symbolic.algorithm import AbstractMemoryAlgorithm, run_step
from tests.neural.networks import draw, gan, modules, non_saturating, payoff, tensor_oracle

WIDTH, ETA = 3, 0.07


def train(oracle, algorithm, x, steps=3):
    """Final state and what the algorithm carries."""
    memory = algorithm.start(x) if isinstance(algorithm, AbstractMemoryAlgorithm) else ()
    for _ in range(steps):
        x, memory = run_step(algorithm, oracle, x, memory, ETA)
    return torch.stack([x, *memory])


def both(kind, algorithm, monkeypatch, losses=None):
    """The same training from symbols and with networks, on the same batches."""
    reference = tensor_oracle(kind, WIDTH)
    dimension = {"lq-gan": 4, "linear-wgan": 2}[kind]
    start = torch.randn(WIDTH, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    drawn, original = [], reference.fresh

    def recorded():
        drawn.append(original())
        return drawn[-1]

    monkeypatch.setattr(reference, "fresh", recorded)
    expected = train(reference, algorithm, start)
    batches = iter([{s.name: values for s, values in batch.items()} for batch in drawn])
    oracle = NetworkOracle(modules(kind), losses or payoff(kind), lambda: next(batches), replicas=WIDTH)
    found = train(oracle, algorithm, start)
    assert next(batches, None) is None  # as many batches were drawn
    return expected, found


@pytest.mark.parametrize("kind", ["lq-gan", "linear-wgan"])
@pytest.mark.parametrize("name", gs.algorithms.names())
def test_every_algorithm_agrees_with_the_symbolic_game(kind, name, monkeypatch):
    expected, found = both(kind, gs.algorithms.get(name), monkeypatch)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_slightly_wrong_payoff_is_seen(monkeypatch):
    """Negative control: the payoff 1e-9 off."""
    expected, found = both(
        "lq-gan", gs.algorithms.get("crossing-the-curl"), monkeypatch,
        losses=lambda networks, batch: (1 + 1e-9) * payoff("lq-gan")(networks, batch),
    )  # fmt: skip
    with pytest.raises(AssertionError):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_general_sum_field_and_products_against_autograd():
    """Field from backward passes of the modules themselves, J row by row, and J v also by central differences."""
    players, rng = gan(0), torch.Generator().manual_seed(1)
    oracle = NetworkOracle(players, non_saturating, lambda: draw(rng))
    x, batch = oracle.layout.read(), oracle.fresh()
    assert not oracle.is_zero_sum

    def by_hand(at):
        oracle.layout.write(at)
        parameters = [list(p.parameters()) for p in players.values()]
        losses = non_saturating(players, batch)
        graded = [torch.autograd.grad(losses[p], own, retain_graph=True) for p, own in zip(players, parameters)]  # noqa: B905
        return torch.cat([g.reshape(-1) for own in graded for g in own])

    torch.testing.assert_close(oracle.F(x, batch), by_hand(x), rtol=1e-12, atol=1e-14)
    jacobian = torch.autograd.functional.jacobian(lambda s: oracle._field(s, batch)[0], x)
    v = torch.randn(x.shape, generator=rng, dtype=x.dtype)
    torch.testing.assert_close(oracle.jvp(x, v, batch), jacobian @ v, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(oracle.vjp(x, v, batch), jacobian.T @ v, rtol=1e-10, atol=1e-12)
    difference = (by_hand(x + 1e-5 * v) - by_hand(x - 1e-5 * v)) / 2e-5
    torch.testing.assert_close(oracle.jvp(x, v, batch), difference, rtol=1e-6, atol=1e-8)
    assert not torch.allclose(jacobian, jacobian.T)  # so that the two products can be told apart


@pytest.mark.parametrize("name", ["sgda", "consensus", "extragradient", "adam"])
def test_replicas_are_independent_single_runs(name):
    algorithm, rng = gs.algorithms.get(name), torch.Generator().manual_seed(3)
    batches = [draw(rng, WIDTH) for _ in range(20)]
    stream = iter(batches)
    together = NetworkOracle(gan(0), non_saturating, lambda: next(stream), replicas=WIDTH)
    starts = torch.stack([NetworkOracle(gan(k), non_saturating, list).layout.read() for k in range(WIDTH)])
    found = train(together, algorithm, starts)
    for k in range(WIDTH):
        single = iter([(real[k], z[k]) for real, z in batches])
        alone = NetworkOracle(gan(5), non_saturating, lambda single=single: next(single))
        torch.testing.assert_close(found[:, k], train(alone, algorithm, starts[k]), rtol=1e-11, atol=1e-13)
    z = torch.randn(WIDTH, 6, 3, generator=rng, dtype=torch.float64)
    outputs = together.run("generator", starts, z)
    torch.testing.assert_close(outputs[1], gan(1)["generator"](z[1]).detach())


def test_frozen_parameters_and_buffers_are_used_as_they_are():
    players = gan(0)
    players["generator"][0].weight.requires_grad_(False)
    oracle = NetworkOracle(players, non_saturating, list)
    assert oracle.layout.dim == sum(p.numel() for m in players.values() for p in m.parameters() if p.requires_grad)
    batch = draw(torch.Generator().manual_seed(4))
    before = oracle.F(oracle.layout.read(), batch)
    with torch.no_grad():
        players["generator"][0].weight += 1
    assert not torch.allclose(before, oracle.F(oracle.layout.read(), batch))


def test_asking_for_the_kind_of_game_changes_no_random_number():
    def drawn(ask):
        rng = torch.Generator().manual_seed(5)
        oracle = NetworkOracle(gan(0), non_saturating, lambda: draw(rng))
        if ask:
            assert not oracle.is_zero_sum
        assert oracle.first_losses is None
        return [oracle.fresh()[0] for _ in range(3)]

    for one, other in zip(drawn(False), drawn(True), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_states_wider_than_the_networks_are_rounded_at_evaluation_only():
    oracle = NetworkOracle(gan(0, torch.float32), non_saturating, list)
    batch = draw(torch.Generator().manual_seed(6), dtype=torch.float32)
    x = oracle.layout.read()
    field = oracle.F(x.double(), batch)
    assert field.dtype == torch.float64
    torch.testing.assert_close(field.float(), oracle.F(x, batch), rtol=0, atol=0)


def test_only_keeps_one_block_even_beside_infinities():
    oracle = NetworkOracle(modules("lq-gan"), payoff("lq-gan"), list)
    own = oracle.only("generator", torch.tensor([[torch.inf, torch.nan, 3.0, 4.0]]))
    assert own.tolist() == [[0.0, 0.0, 3.0, 4.0]]


LAZY, TIED = nn.LazyLinear(1), nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("players", "message"),
    [
        ({}, r"players: expected \{player: network\}, got \{\}"),
        ({"p": 3}, r"players\['p'\]: expected a torch.nn.Module, got 3"),
        ({"p": nn.ReLU()}, r"players\['p'\]: expected a parameter with requires_grad=True, got none"),
        ({"p": nn.Linear(1, 1).requires_grad_(False)}, r"players\['p'\]: expected a parameter with requires_grad=True"),
        ({"p": LAZY}, r"players\['p'\]: expected initialised parameters, got a lazy one, weight"),
        ({"p": TIED, "q": nn.Sequential(TIED)}, r"players\['q'\]: expected parameters of its own, got 0.weight of"),
        ({"p": TIED, "q": nn.Linear(1, 1).double()}, "players: expected parameters of one floating type on one device"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_players_that_do_not_fit(players, message):
    with pytest.raises(ValueError, match=message):
        NetworkOracle(players, non_saturating, list)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (lambda n, b: {"p": torch.zeros(())}, "losses: expected one payoff or losses of p, q; got p$"),
        (lambda n, b: 1.0, "losses: expected one payoff or losses of p, q; got 1.0"),
        (lambda n, b: torch.zeros(3), r"losses: expected a scalar tensor, got a tensor of shape \(3,\)"),
        (lambda n, b: {"p": torch.zeros(()), "q": 2.0}, r"losses\['q'\]: expected a scalar tensor, got 2.0"),
    ],
)
def test_losses_that_do_not_fit(losses, message):
    oracle = NetworkOracle({"p": nn.Linear(1, 1), "q": nn.Linear(1, 1)}, losses, lambda: torch.zeros(1))
    with pytest.raises(ValueError, match=message):
        oracle.F(oracle.layout.read(), oracle.fresh())


def test_other_bad_input():
    with pytest.raises(ValueError, match="losses: expected a function, got None"):
        NetworkOracle(gan(0), None, list)
    with pytest.raises(ValueError, match="replicas: expected an integer >= 1, got 0"):
        NetworkOracle(gan(0), non_saturating, list, replicas=0)
    three = {name: nn.Linear(1, 1) for name in "pqr"}
    with pytest.raises(ValueError, match="losses: expected one loss for each of p, q, r, got one payoff"):
        NetworkOracle(three, lambda n, b: torch.zeros(()), list).F(torch.zeros(6), None)
    oracle = NetworkOracle(gan(0), non_saturating, list, replicas=2)
    with pytest.raises(ValueError, match=r"x: expected shape \(2, 53\), got \(53,\)"):
        oracle.F(torch.zeros(53), None)
    with pytest.raises(ValueError, match=r"x: expected shape \(53,\), got \(3,\)"):
        oracle.layout.write(torch.zeros(3))


def test_running_statistics_are_refused_by_name():
    """And only they: another error of torch's stays what it is."""
    critic = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))

    def losses(networks, batch):
        return networks["critic"](batch).mean() - networks["generator"](batch).mean()

    oracle = NetworkOracle({"critic": critic, "generator": nn.Linear(1, 1)}, losses, lambda: torch.ones(4, 1))
    x = oracle.layout.read()
    with pytest.raises(
        ValueError, match=r"^players\['critic'\]: expected no running statistics while training, got layer '1'; [^\n]*$"
    ):
        oracle.F(x, oracle.fresh())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        oracle.F(x, torch.ones(4, 3))
    critic.eval()
    oracle.F(x, oracle.fresh())
