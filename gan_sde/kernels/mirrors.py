"""Means over mirrored batches whose samples are drawn one by one, in terms of what kernels know already.

The mirror of a sample has its normals negated and its uniforms u replaced by 1 - u; its rows of tables stay. Most
features are even or odd under that, Hermite and Legendre polynomials among them: their mirrored means are the means
themselves, or minus them. Any other is one more feature.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, expand

from gan_sde.symbolic.recipe import BatchDraws, Recipe
from gan_sde.symbolic.shared_trees import substitute


def sampled_mirrors(recipe: Recipe) -> Recipe:
    """The same recipe without mirrors: features without parity get an image among the features, after all others.

    Examples
    --------
    >>> from sympy import exp, symbols
    >>> x, m, n, p, q, u = symbols("x m n p q u")
    >>> draws = BatchDraws(((m, n),), (u, exp(u)), (u,), mirrors=((p, q),))
    >>> found = sampled_mirrors(Recipe((x,), (p + q,), draws))
    >>> found.update, found.draws.batches, found.draws.features
    ((-m + q,), ((m, n, q),), (u, exp(u), exp(-u)))
    """
    draws = recipe.draws
    if not isinstance(draws, BatchDraws) or not draws.mirrors:
        return recipe
    table: dict = {}
    images, places = [], []
    for k, feature in enumerate(draws.features):
        means = [batch[k] for batch in draws.batches]
        mirrors = [mirror[k] for mirror in draws.mirrors]
        image = mirror_image(feature, draws)
        sign = _parity(feature, image)
        if sign:
            table |= {n: sign * m for m, n in zip(means, mirrors, strict=True) if m is not None and n is not None}
        elif any(n is not None for n in mirrors):
            images.append(image)
            places.append(k)
    batches = tuple(
        (*batch, *(mirror[k] for k in places)) for batch, mirror in zip(draws.batches, draws.mirrors, strict=True)
    )
    return replace(
        recipe,
        update=tuple(substitute(recipe.update, table)),
        draws=replace(draws, batches=batches, features=(*draws.features, *images), mirrors=()),
    )


def mirror_image(feature: Expr, draws: BatchDraws) -> Expr:
    """A feature of the mirrored sample as a function of the sample."""
    table = {n: -n for n in draws.normals} | {u: 1 - u for u in draws.uniforms}
    (image,) = substitute([feature], table)
    return image


def _parity(feature: Expr, image: Expr) -> int:
    """1 if the image is the feature, -1 if it is minus it, 0 if neither can be seen."""
    if feature == image or expand(feature - image) == 0:
        return 1
    return -1 if expand(feature + image) == 0 else 0
