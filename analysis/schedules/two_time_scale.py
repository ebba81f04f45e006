"""One decay for each player, so that one player sees the others as if they stood still."""

from collections.abc import Mapping

from analysis._validation import Array, positive
from analysis.schedules.decays import power


def two_time_scale(
    lr: float | Mapping[str, float], steps: int, *, exponents: Mapping[str, float], offset: float = 1.0
) -> dict[str, Array]:
    """Return ``lr_p (1 + k / offset)^-a_p`` for every player p, as `simulate` takes it; shape (steps,) each.

    Parameters
    ----------
    lr : float or mapping
        First rates.
    steps : int
    exponents : mapping
        Player to exponent, all in (1/2, 1], of at least two values: the player with the smallest is the fast one.
    offset : float
        Iterations after which a rate of exponent 1 is half of the first.

    Raises
    ------
    ValueError
        If the exponents are not those of a convergence theorem.

    Notes
    -----
    For rates a_k (fast) and b_k (slow) almost sure convergence to a locally stable equilibrium asks for

    1. sum a_k = sum b_k = infinity: exponents at most 1;
    2. sum a_k^2, sum b_k^2 < infinity: exponents above 1/2;
    3. b_k / a_k -> 0: the slow exponent is the larger one;
    4. Lipschitz fields, noise of bounded variance, bounded iterates, and for each fixed slow state one globally stable
       equilibrium of the fast flow, Lipschitz in that state, on which the slow flow is stable.

    Here 1 to 3 are checked; 4 is about the game. At a finite number of iterations a larger slow exponent mostly means
    that the slow player moves less.

    References
    ----------
    Borkar (1997), doi 10.1016/S0167-6911(97)90015-3; for GANs Heusel et al. (2017), arXiv 1706.08500.

    Examples
    --------
    >>> rates = two_time_scale(0.1, 3, exponents={"critic": 0.6, "actor": 1.0})
    >>> rates["actor"].round(4).tolist(), bool((rates["critic"] >= rates["actor"]).all())
    ([0.1, 0.05, 0.0333], True)
    """
    wanted = {player: positive(f"exponents[{player}]", value) for player, value in exponents.items()}
    outside = {player: value for player, value in wanted.items() if not 0.5 < value <= 1}
    if outside:
        raise ValueError(f"exponents: expected numbers in (1/2, 1], got {outside}")
    if len(set(wanted.values())) < 2:
        raise ValueError(f"exponents: expected two different values at least, got {wanted}")
    first = lr if isinstance(lr, Mapping) else dict.fromkeys(wanted, lr)
    if set(first) != set(wanted):
        raise ValueError(f"lr: expected a rate for each of {', '.join(wanted)}; got {', '.join(map(str, first))}")
    return {player: power(first[player], steps, exponent=a, offset=offset) for player, a in wanted.items()}
