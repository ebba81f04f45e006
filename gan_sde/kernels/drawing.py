"""Which random numbers one step draws, and from which words: the plan that all backends follow.

Words 0, 1, 2, ... of a (step, sub-step) are the lanes of its Philox blocks. A pair of words makes a pair of normals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import Symbol

from gan_sde.kernels.batch_statistics import Slot, chi_square_polynomial, hermite_slots
from gan_sde.kernels.mirrors import sampled_mirrors
from gan_sde.kernels.philox import BLOCK_LIMIT
from gan_sde.kernels.scatter import FEWEST_DEGREES, Scatter, scatter_of
from gan_sde.kernels.stepper import StepperOptions, quiet_recipe
from gan_sde.symbolic.recipe import BatchDraws, Recipe

SIGNS_PER_WORD, THREES_PER_WORD = 32, 2


@dataclass(frozen=True)
class GaussianPlan:
    """Normals from the first words, then signs, 32 of them a word (bit j set: +1), then threes, two of them a word.

    The first two digits in base 6 of a word over 2^32 make two threes: a digit 0 is -1, a digit 5 is +1, all else 0. A
    pair of digits has its probability within 2^-32.
    """

    normals: int
    signs: int = 0
    threes: int = 0

    @property
    def first_sign_word(self) -> int:
        """Number of the first word that holds signs."""
        return 2 * math.ceil(self.normals / 2)

    @property
    def first_three_word(self) -> int:
        """Number of the first word that holds threes."""
        return self.first_sign_word + math.ceil(self.signs / SIGNS_PER_WORD)

    @property
    def words(self) -> int:
        """Number of words of a sub-step."""
        return self.first_three_word + math.ceil(self.threes / THREES_PER_WORD)


@dataclass(frozen=True)
class StatisticsPlan:
    """Batch means from normals, drawn as a `GaussianPlan`.

    Attributes
    ----------
    slots
        The means, in order of drawing, from one normal each; none if there is a ``scatter``.
    batch_size
        B.
    polynomials
        Degrees of freedom to coefficients, as in `chi_square_polynomial`; empty for 0 and 1 degrees.
    couple
        Over how many sub-steps of the SDE each normal is summed; None: one normal of its own, which is the same
        as 1.
    scatter
        Where some means are of products of different normals: all means.
    """

    slots: tuple[Slot, ...]
    batch_size: int
    polynomials: Mapping[int, tuple[float, ...]]
    couple: int | None
    scatter: Scatter | None = None

    @property
    def normals(self) -> int:
        """Normals of one iteration."""
        return len(self.slots) if self.scatter is None else len(self.scatter.lost)

    def degrees_of_freedom(self, slot: Slot) -> int:
        """Degrees of freedom of the sum of squares behind a He2 slot."""
        return self.batch_size if slot.first is None else self.batch_size - 1


@dataclass(frozen=True)
class SamplingPlan:
    """Every sample of every batch drawn, its features averaged.

    Sample s of batch b has number ``t = b B + s`` and owns the words ``t W, ..., t W + W - 1``: first its normals,
    padded to an even number, then a word for each uniform, then one for each table; W is padded to 2 or a
    multiple of 4.

    Attributes
    ----------
    draws
        Without mirrors; see `gan_sde.kernels.mirrors.sampled_mirrors`.
    batch_size
        B.
    own
        Number of features of the samples themselves; the others are images of them in mirrored samples.
    """

    draws: BatchDraws
    batch_size: int
    own: int

    def feature_groups(self, batch: int) -> list[dict[int, Symbol]]:
        """Symbols of the means over a batch by feature: of the samples, of their images; those without any left out.

        A group has a loop of its own, so that the samples' features have the bits that they have alone.
        """
        needed = {k: symbol for k, symbol in enumerate(self.draws.batches[batch]) if symbol is not None}
        groups = [{k: s for k, s in needed.items() if (k < self.own) == own} for own in (True, False)]
        return [group for group in groups if group]

    @property
    def first_uniform_word(self) -> int:
        """Word, in a sample, of the first uniform."""
        return 2 * math.ceil(len(self.draws.normals) / 2)

    @property
    def first_table_word(self) -> int:
        """Word, in a sample, of the first table's row."""
        return self.first_uniform_word + len(self.draws.uniforms)

    @property
    def words_per_sample(self) -> int:
        """Number W of words that a sample owns."""
        needed = self.first_table_word + len(self.draws.tables)
        return 2 if needed <= 2 else 4 * math.ceil(needed / 4)


DrawingPlan = GaussianPlan | StatisticsPlan | SamplingPlan


def is_quiet(recipe: Recipe, options: StepperOptions) -> bool:
    """Whether a step needs no random number: noise is off, or no batch mean occurs in the update."""
    draws = recipe.draws
    unused = isinstance(draws, BatchDraws) and not any(s is not None for batch in draws.batches for s in batch)
    return options.is_quiet or unused


def running_recipe(recipe: Recipe, options: StepperOptions, plan: DrawingPlan) -> Recipe:
    """The recipe that a kernel runs: without noise if a step needs no random number, without mirrors of samples."""
    if is_quiet(recipe, options):
        return quiet_recipe(recipe)
    return sampled_mirrors(recipe) if isinstance(plan, SamplingPlan) else recipe


def plan_drawing(recipe: Recipe, options: StepperOptions) -> DrawingPlan:
    """How the random numbers of a step are drawn.

    Raises
    ------
    ValueError
        If coupling or batch statistics are asked for where they do not apply, or a step needs more random
        numbers than a counter can tell apart.
    """
    if is_quiet(recipe, options):
        return GaussianPlan(0)
    draws = recipe.draws
    if not isinstance(draws, BatchDraws):
        return GaussianPlan(len(draws.normals), len(draws.signs), len(draws.threes))
    statistics = _plan_statistics(draws, options)
    if statistics is not None:
        return statistics
    if options.couple is not None:
        raise ValueError("couple: coupling needs batch statistics: features He1, He2 and He1 He1 of normals only")
    if options.statistics == "always":
        raise ValueError("statistics: 'always' needs features He1, He2 and He1 He1 of normals only")
    sampled = sampled_mirrors(recipe).draws
    assert isinstance(sampled, BatchDraws)
    sampling = SamplingPlan(sampled, int(options.batch_size), len(draws.features))
    blocks = math.ceil(len(draws.batches) * sampling.batch_size * sampling.words_per_sample / 4)
    if blocks > BLOCK_LIMIT:
        limit = BLOCK_LIMIT * 4 // (len(draws.batches) * sampling.words_per_sample)
        raise ValueError(f"batch_size: expected at most {limit} samples drawn one by one, got {sampling.batch_size}")
    return sampling


def _plan_statistics(draws: BatchDraws, options: StepperOptions) -> StatisticsPlan | None:
    if options.statistics == "never":
        return None
    slots = hermite_slots(draws)
    if slots is None:
        return _plan_scatter(draws, options)
    size = int(options.batch_size)
    plan = StatisticsPlan(slots, size, {}, options.couple)
    degrees = {plan.degrees_of_freedom(slot) for slot in slots if slot.degree == 2}
    # A single sample costs one normal, not two, when it is drawn as such.
    if 0 in degrees and options.couple is None and options.statistics == "auto":
        return None
    polynomials = {k: chi_square_polynomial(k) if k > 1 else () for k in degrees}
    if any(coefficients is None for coefficients in polynomials.values()):
        return None
    return replace(plan, polynomials=polynomials)


def _plan_scatter(draws: BatchDraws, options: StepperOptions) -> StatisticsPlan | None:
    scatter = scatter_of(draws)
    if scatter is None:
        return None
    size = int(options.batch_size)
    degrees = {size - lost for lost in scatter.lost if lost is not None}
    fewest = FEWEST_DEGREES if options.couple is None and options.statistics == "auto" else 0
    if min(degrees) < fewest:
        return None
    polynomials = {k: chi_square_polynomial(k) if k > 1 else () for k in degrees}
    if any(coefficients is None for coefficients in polynomials.values()):
        return None
    return StatisticsPlan((), size, polynomials, options.couple, scatter)
