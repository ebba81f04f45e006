import math

import numpy as np
import pytest
from sympy import Function, Symbol, symbols

from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import lq_sde, lq_training, means_only, mixed_training

pytestmark = pytest.mark.parametrize("make", [cpu_stepper, reference_stepper])
X = Symbol("x")
GOOD = {"batch_size": 4, "seed": 0}


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (lq_training(), {"batch_size": 0}, r"^batch_size: expected a positive integer or math.inf, got 0$"),
        (lq_training(), {"batch_size": 2.5}, "^batch_size: .*2.5$"),
        (lq_sde(), {"batch_size": -1.0}, "^batch_size: .*-1.0$"),
        (lq_sde(), {"batch_size": math.nan}, "^batch_size: .*nan$"),
        (lq_sde(), {"substeps": 0}, "^substeps: expected an integer from 1 to 65535, got 0$"),
        (lq_sde(), {"seed": -1}, "^seed: expected an integer from 0 to 18446744073709551615, got -1$"),
        (lq_sde(), {"seed": 2**64}, "^seed: "),
        (lq_sde(), {"seed": True}, "^seed: .*True$"),
        (lq_sde(), {"stream": 256}, "^stream: expected an integer from 0 to 255, got 256$"),
        (lq_sde(), {"dtype": "int32"}, "^dtype: expected float64 or float32, got 'int32'$"),
        (lq_sde(), {"couple": 2}, "^couple: expected None for an SDE"),
        (lq_training(), {"couple": 0}, "^couple: "),
        (mixed_training(), {"couple": 2}, "^couple: coupling needs batch statistics"),
        (lq_training(), {"couple": 2, "statistics": "never"}, "^couple: coupling needs batch statistics"),
        (mixed_training(), {"statistics": "always"}, "^statistics: 'always' needs"),
        (lq_training(), {"statistics": "often"}, "^statistics: expected 'auto', 'always' or 'never', got 'often'$"),
        (mixed_training(), {"batch_size": 2**23}, "^batch_size: expected at most 4194304 samples"),
    ],
)
def test_options_out_of_range(make, recipe, options, message):
    with pytest.raises(ValueError, match=message):
        make(recipe, **(GOOD | options))


def test_largest_number_of_samples_is_accepted(make):
    (z,) = symbols("z,")
    recipe = means_only([z**3], [z])
    make(recipe, batch_size=2**25, seed=0)
    with pytest.raises(ValueError, match=r"^batch_size: expected at most 33554432 samples"):
        make(recipe, batch_size=2**25 + 1, seed=0)


def test_undeclared_symbol(make):
    with pytest.raises(ValueError, match=r"^update: expected only declared symbols, got mu$"):
        make(Recipe((X,), (X + Symbol("mu"),), GaussianDraws(())), **GOOD)


def test_undeclared_symbol_in_a_feature(make):
    m = Symbol("m")
    with pytest.raises(ValueError, match=r"^features: expected only declared symbols, got q$"):
        make(Recipe((X,), (X + m,), BatchDraws(((m,),), (Symbol("q") ** 2,))), **GOOD)


def test_unknown_function(make):
    if make is cpu_stepper:
        with pytest.raises(ValueError, match=r"^update: the function mystery has no numerical form$"):
            make(Recipe((X,), (Function("mystery")(X),), GaussianDraws(())), **GOOD)


@pytest.mark.parametrize("bounds", [((1.0, 0.0),), ((0.0, 1.0), (0.0, 1.0)), ((math.nan, 1.0),)])
def test_bounds_that_make_no_sense(make, bounds):
    with pytest.raises(ValueError, match=r"^bounds: expected 1 pairs low <= high"):
        make(Recipe((X,), (X,), GaussianDraws(()), bounds), **GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", np.zeros((2, 3))),
        ("state", np.zeros((1, 0))),
        ("state", np.zeros((1, 3), np.float32)),
        ("state", np.zeros((1, 6))[:, ::2]),
        ("diverged", np.zeros(2, np.int64)),
        ("diverged", np.zeros(3)),
        ("trajectory", -1),
        ("trajectory", 2**48 - 2),
        ("step", 2**32 - 1),
        ("step", 1.0),
        ("rates", np.zeros((1, 2))),
        ("rates", np.zeros(2, np.float32)),
    ],
)
def test_arguments_of_advance(make, name, value):
    stepper = make(Recipe((X,), (X,), GaussianDraws(())), **GOOD)
    arguments = {"state": np.zeros((1, 3)), "diverged": np.full(3, -1), "trajectory": 0, "step": 0}
    arguments |= {"rates": np.zeros(2)}
    stepper.advance(**arguments)
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        stepper.advance(**(arguments | {name: value}))


def test_steppers_say_their_shape(make):
    stepper = make(lq_sde(), **GOOD, dtype="float32")
    assert stepper.dim == 4 and stepper.dtype == np.float32
