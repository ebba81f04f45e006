"""Derivatives of kinks and jumps, which have no numerical form, and the loss that they come from."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Abs, Derivative, DiracDelta, Dummy, Expr, Heaviside, Max, Min, Piecewise, Subs, sign

from gan_sde.symbolic.game import Game
from gan_sde.symbolic.shared_trees import symbols_of
from gan_sde.symbolic.validation import shown

KINKED = (Abs, Max, Min, sign, Heaviside)


def refuse_kinks(game: Game, expressions: Iterable[Expr]) -> None:
    """Refuse expressions with derivatives of kinks or jumps, and offer the Piecewise that has none.

    A Piecewise is differentiated piece by piece. What a kink itself contributes is then left out, as it is in a
    training; only the user can say that this is meant.

    Raises
    ------
    ValueError
        If an expression has a `DiracDelta` or an unevaluated derivative; it names the payoff or loss.

    Examples
    --------
    >>> from sympy.abc import x
    >>> game = Game.general_sum({"p": abs(x)}, parameters={"p": [x]})
    >>> refuse_kinks(game, game.jacobian)
    Traceback (most recent call last):
    ValueError: losses['p']: expected Piecewise((x, x >= 0), (-x, True)) (in Python: ...) instead of Abs(x), ...
    """
    if not any(e.has(DiracDelta, Derivative, Subs) for e in expressions):
        return
    named = {f"losses[{p!r}]": e for p, e in game.losses.items()} if game.payoff is None else {"payoff": game.payoff}
    for name, loss in named.items():
        for kink in sorted(loss.atoms(*KINKED), key=str):
            raise ValueError(
                f"{name}: expected {shown(_pieces(kink))} (in Python: game files have none) instead of {shown(kink)}, "
                f"whose derivatives have no numerical form; got {shown(loss)}"
            )


def _pieces(kink: Expr) -> Expr:
    # sympy rewrites Abs of a plain symbol as of a complex number; stand-ins that are real avoid that
    real = {s: Dummy(s.name, real=True) for s in symbols_of([kink])}
    return kink.xreplace(real).rewrite(Piecewise).xreplace({stand_in: s for s, stand_in in real.items()})
