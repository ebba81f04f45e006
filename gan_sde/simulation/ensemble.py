"""Run the blocks of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from os import cpu_count
from weakref import WeakKeyDictionary

from gan_sde.kernels.array import array_stepper
from gan_sde.kernels.cpu import cpu_stepper
from gan_sde.kernels.reference import reference_stepper
from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.block import run_block
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.player_rates import PlayerRateStepper, carrying, multiple_symbols
from gan_sde.simulation.results import Result
from gan_sde.symbolic.antithetic import antithetic, mirrored_sde, mirrored_training
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.kinks import refuse_kinks
from gan_sde.symbolic.recipe import Recipe
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training

_recipes: WeakKeyDictionary[Plan, Recipe] = WeakKeyDictionary()


def make_recipe(plan: Plan) -> Recipe:
    """Recipe of the process and its functionals, derived once a plan."""
    if plan not in _recipes:
        recipe = _derived_recipe(plan)
        refuse_kinks(plan.game, recipe.update)
        _recipes[plan] = recipe
    return _recipes[plan]


def _derived_recipe(plan: Plan) -> Recipe:
    """Coupled runs number the noise of training and SDE alike."""
    augment = plan.observation.functionals.augment
    if isinstance(plan.process, Training):
        recipe = augment(plan.process.recipe())
        return antithetic(recipe, mirrored_training(recipe)) if plan.antithetic else recipe
    assert isinstance(plan.process, SDE)
    slots = None
    if plan.couple:
        if plan.process.training is None:
            raise ValueError("couple: expected an SDE derived from a training, got one made by hand")
        slots = plan.process.training.slots
    process = plan.process if plan.noise else plan.process.without_noise()
    integrator = INTEGRATORS[plan.integrator]
    recipe = augment(integrator(process, slots))
    if not plan.antithetic:
        return recipe
    return antithetic(recipe, augment(integrator(mirrored_sde(process), slots)))


def make_stepper(plan: Plan) -> AbstractStepper:
    """Compile the process for the chosen backend."""
    options = {
        "batch_size": plan.batch_size,
        "seed": plan.seed,
        "stream": plan.stream,
        "noise": plan.noise,
        "dtype": plan.dtype,
    }
    if plan.in_arrays:
        return array_stepper(plan.process, **options)
    if plan.is_sde:
        options["substeps"] = plan.substeps
    elif plan.couple:
        options["couple"] = plan.substeps
    make = stepper_maker(plan.backend)
    if plan.multiples is None:
        return make(make_recipe(plan), **options)
    symbols = multiple_symbols(tuple(plan.game.players))
    recipe = make_recipe(replace(plan, process=plan.process.with_rates(symbols)))
    return PlayerRateStepper(make(carrying(recipe, tuple(symbols.values())), **options), plan.multiples)


def stepper_maker(backend: str) -> Callable[..., AbstractStepper]:
    """What makes the steppers of a backend; Triton is loaded only for the GPU."""
    if backend == "gpu":
        from gan_sde.kernels.triton_stepper import gpu_stepper

        return gpu_stepper
    return cpu_stepper if backend == "cpu" else reference_stepper


def run_blocks(
    plan: Plan,
    stepper: AbstractStepper,
    ranges: Iterator[tuple[int, int]],
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Result]:
    """Run blocks on threads (the kernels release the interpreter lock); yields in the order of ``ranges``."""
    if plan.backend == "gpu" and not plan.in_arrays and plan.multiples is None:
        from gan_sde.simulation.waves import run_waves

        yield from run_waves(plan, stepper, ranges, progress=progress)
        return
    workers = threads or cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[Result]] = []

        def submit() -> None:
            for first, stop in ranges:
                waiting.append(pool.submit(run_block, plan, stepper, first, stop))
                return

        # a few blocks ahead keep the threads busy without holding every result at once
        for _ in range(2 * workers):
            submit()
        try:
            while waiting:
                result = waiting.pop(0).result()
                submit()
                if progress is not None:
                    progress(len(result.diverged))
                yield result
        finally:
            for future in waiting:
                future.cancel()
