"""A sweep is the simulations of its points, one by one."""

import numpy as np
import pytest
import xarray as xr

import gan_sde as gs

FREE = gs.Training(gs.games.get("lq-gan").subs(mu=0.5), gs.algorithms.get("sgda"))
OPTIONS = {"steps": 10, "trajectories": 3000, "batch_size": 8, "progress": False}
GRID = {"sigma": [0.5, 1.0], "lr": [0.01, 0.02, 0.05]}


def alone(sigma, lr):
    training = gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=sigma), gs.algorithms.get("sgda"))
    return gs.simulate(training, lr=lr, **OPTIONS)


def test_every_point_is_its_own_simulation():
    grid = gs.sweep(FREE, GRID, **OPTIONS, record=("moments", "final"))
    assert grid["mean"].dims == ("sigma", "lr", "step", "param")
    for sigma in GRID["sigma"]:
        for lr in GRID["lr"]:
            point, single = grid.sel(sigma=sigma, lr=lr), alone(sigma, lr)
            for name in ("mean", "second_moment_se", "final", "n", "time", "diverged"):
                assert point[name].values.tobytes() == single[name].values.tobytes(), name
    assert grid.attrs["game"] == "lq-gan" and "lr" not in grid.attrs


def test_a_function_of_the_constants():
    """Both a training and an SDE; the numbers differ from point to point."""
    game = gs.games.get("quadratic").with_defaults()

    def process(weight):
        return gs.Training(game, gs.algorithms.get("consensus", weight=weight)).sde(1)

    grid = gs.sweep(process, {"weight": [0.0, 1.0], "seed": [1, 2]}, lr=0.1, **OPTIONS)
    assert len(np.unique(grid["mean"].isel(step=-1, param=0))) == 4


def test_a_sweep_goes_on_where_it_was(tmp_path, monkeypatch):
    whole = gs.sweep(FREE, GRID, **OPTIONS)
    from gan_sde.simulation import sweep as module

    calls = []

    def to_dataset(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    original = module.to_dataset
    monkeypatch.setattr(module, "to_dataset", to_dataset)
    with pytest.raises(KeyboardInterrupt):
        gs.sweep(FREE, GRID, **OPTIONS, store=tmp_path / "grid")
    assert len(list((tmp_path / "grid").glob("point-?.zarr"))) == 3
    again = gs.sweep(FREE, GRID, **OPTIONS, store=tmp_path / "grid", resume=True)
    assert len(calls) == 7  # three points were loaded
    xr.testing.assert_identical(again.drop_attrs(), whole.drop_attrs())
    with pytest.raises(ValueError, match="store: expected a path that is not taken, or resume=True"):
        gs.sweep(FREE, GRID, **OPTIONS, store=tmp_path / "grid")


@pytest.mark.parametrize(
    ("over", "options", "words"),
    [
        ({}, {}, "over: expected values by name"),
        ([("lr", [0.1])], {}, "over: expected values by name"),
        ({"lr": 0.1}, {}, r"over\[lr\]: expected a sequence of numbers, got 0.1"),
        ({"lr": []}, {}, r"over\[lr\]: expected a sequence"),
        ({"lr": [0.1]}, {"lr": 0.1}, "lr: expected it in over or as an option, got both"),
        ({"lr": [0.1], "sigma": [1.0, -1.0]}, {}, "standard_deviation: expected a number >= 0, got -1"),
        ({"lr": [0.1, -0.1], "sigma": [1.0]}, {}, "lr: expected"),
        ({"lr": [0.1]}, {}, "sigma"),
        ({"tau": [0.1]}, {"lr": 0.1}, "tau"),
        ({"lrr": [0.1]}, {}, r"over: expected lr, batch_size, seed or free constants of the game \(sigma\), got 'lrr'"),
        ({"sigma": [1.0]}, {}, "lr: expected a value, got none"),
        ({"sigma": [1.0]}, {"lr": 0.1, "steppes": 3}, "steppes: expected an option of simulate"),
        ({"param": [1.0]}, {"lr": 0.1}, r"over\[param\]: expected a name that no result has"),
        ({"n": [1.0]}, {"lr": 0.1}, r"over\[n\]: expected a name that no result has"),
        ({"bin_w": [1.0]}, {"lr": 0.1}, r"over\[bin_w\]: expected a name that no result has"),
    ],
    ids=str,
)
def test_bad_input(over, options, words, tmp_path):
    with pytest.raises(ValueError, match=words) as error:
        gs.sweep(FREE, over, **OPTIONS, **options, store=tmp_path / "grid")
    assert "\n" not in str(error.value) and not any(tmp_path.iterdir())


def test_a_misspelt_rate_where_nothing_is_free():
    training = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    with pytest.raises(ValueError, match=r"^over: expected lr, .* of the game \(there are none\), got 'lrr'$"):
        gs.sweep(training, {"lrr": [0.1]}, **OPTIONS)


@pytest.mark.parametrize("run", [gs.simulate, lambda process, **options: gs.sweep(process, {"lr": [0.1]}, **options)])
def test_a_resumption_of_nothing_is_refused(run):
    training = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda"))
    options = {} if run is not gs.simulate else {"lr": 0.1}
    with pytest.raises(ValueError, match=r"^store: expected a path together with resume=True, got None$"):
        run(training, **OPTIONS, **options, resume=True)


def test_points_of_other_parameters():
    """Two games of two parameters each would come out under the labels of the first."""
    games = [gs.games.get(name).with_defaults() for name in ("linear-wgan", "dirac-gan")]
    assert games[0].dim == games[1].dim

    def process(which):
        return gs.Training(games[which], gs.algorithms.get("sgda"))

    with pytest.raises(ValueError, match="process: expected the same parameters at every point"):
        gs.sweep(process, {"which": [0, 1]}, lr=0.1, **OPTIONS)


def test_a_store_in_no_folder(tmp_path):
    with pytest.raises(ValueError, match="store: expected a path in an existing folder"):
        gs.sweep(FREE, {"sigma": [1.0]}, lr=0.1, **OPTIONS, store=tmp_path / "none" / "grid")
