"""The LQ-GAN's maps in fractions, from the moments of the data alone: no sympy, none of the project's code.

``V = phi . m(theta)`` with m quadratic in theta, so that central differences of m are its exact derivatives M and H.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

Vector = list[Fraction]


class HandGame:
    """The game at numbers for everything; some parameters are free, the others rest at the equilibrium.

    Parameters
    ----------
    values
        Numbers by name of all constants of the data's law.
    free
        Names of the free parameters, discriminator first.
    """

    def __init__(self, size: int, values: dict[str, Fraction], free: Sequence[str]) -> None:
        self.size = size
        places = [(i, j) for i in range(size) for j in range(size)]
        upper, lower = [p for p in places if p[0] <= p[1]], [p for p in places if p[0] >= p[1]]
        if size == 1:
            self.up, self.down = ["w2", "w1"], ["a", "b"]
            self.factor = {(0, 0): values.get("sigma", Fraction(1))}
            self.mean = [values.get("mu", Fraction(0))]
        else:
            number = range(1, size + 1)
            self.up = [f"W_{i + 1}{j + 1}" for i, j in upper] + [f"w_{i}" for i in number]
            self.down = [f"A_{i + 1}{j + 1}" for i, j in lower] + [f"b_{i}" for i in number]
            self.factor = {(i, j): values.get(f"L_{i + 1}{j + 1}", Fraction(int(i == j))) for i, j in lower}
            self.mean = [values.get(f"mu_{i}", Fraction(0)) for i in number]
        self.upper, self.lower = upper, lower
        self.rest_up = [Fraction(0)] * len(self.up)
        self.rest_down = [self.factor[p] for p in lower] + self.mean
        self.rows = [self.up.index(n) for n in free if n in self.up]
        self.columns = [self.down.index(n) for n in free if n in self.down]

    def moments(self, theta: Vector) -> Vector:
        """m: second moments (off-diagonals doubled) and means, data less generator."""
        scale = dict(zip(self.lower, theta, strict=False))
        shift = theta[len(self.lower) :]

        def second(i: int, j: int, factor: dict, mean: Vector) -> Fraction:
            return sum((factor[i, k] * factor[j, k] for k in range(min(i, j) + 1)), mean[i] * mean[j])

        found = [
            (1 if i == j else 2) * (second(j, i, self.factor, self.mean) - second(j, i, scale, shift))
            for i, j in self.upper
        ]
        return found + [m - b for m, b in zip(self.mean, shift, strict=True)]

    def parts(self, point: Vector) -> tuple[Vector, Vector, list[Vector], list[Vector]]:
        """phi, m, M and ``sum_k phi_k Hess m_k`` of the free parameters."""
        phi, theta = list(self.rest_up), list(self.rest_down)
        for k, value in zip(self.rows, point, strict=False):
            phi[k] = value
        for k, value in zip(self.columns, point[len(self.rows) :], strict=True):
            theta[k] = value

        def at(*moves: tuple[int, int]) -> Vector:
            moved = list(theta)
            for k, step in moves:
                moved[k] += step
            return self.moments(moved)

        slopes = [[(p - q) / 2 for p, q in zip(at((k, 1)), at((k, -1)), strict=True)] for k in self.columns]
        bends = [
            [
                sum(f * (a - b - c + d) / 4 for f, a, b, c, d in zip(
                    phi, at((k, 1), (n, 1)), at((k, 1), (n, -1)), at((k, -1), (n, 1)), at((k, -1), (n, -1)), strict=True
                ))
                for n in self.columns
            ]
            for k in self.columns
        ]  # fmt: skip
        moments = self.moments(theta)
        derivative = [[slope[r] for slope in slopes] for r in self.rows]
        return [phi[r] for r in self.rows], [moments[r] for r in self.rows], derivative, bends

    def map(self, name: str, weights: dict[str, Fraction], point: Vector) -> Vector:
        """A map by the name that the tables use."""
        phi, m, slope, bend = self.parts(point)
        back = product(transpose(slope), phi)  # M^T phi
        descent = product(transpose(slope), m)  # M^T m
        curved = product(bend, back)
        field = [-x for x in m] + back
        cross = product(slope, back) + descent
        bent = [Fraction(0)] * len(m) + curved
        alpha, beta, eta = (weights.get(n, Fraction(0)) for n in ("alpha", "beta", "eta"))
        pull = {"F_alt": alpha, "F_unr": 4 * alpha, "F_reg": 2 * eta}
        if name in pull:
            return [-x for x in m] + [b + pull[name] * d for b, d in zip(back, descent, strict=True)]
        if name == "Gauss-Newton":
            return phi + solve(slope, m)
        plain = name.removesuffix("'")
        identity, along, against = {
            "F": (1, 0, 0), "F_con": (1, beta, 0), "J^T F": (0, 1, 0), "F_eg": (0, 0, 1),
            "F_cc": (0, Fraction(1, 2), Fraction(1, 2)),
            "linear": tuple(weights.get(n, Fraction(0)) for n in ("alpha", "beta", "gamma")),
        }[plain]  # fmt: skip
        value = [
            identity * f + (along + against) * c + (along - against) * h
            for f, c, h in zip(field, cross, bent, strict=True)
        ]
        return [v / (2 * point[-1] ** 2) for v in value] if name.endswith("'") else value


def transpose(matrix: list[Vector]) -> list[Vector]:
    return [list(column) for column in zip(*matrix, strict=True)]


def product(matrix: list[Vector], vector: Vector) -> Vector:
    return [inner(row, vector) for row in matrix]


def inner(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def solve(matrix: list[Vector], right: Vector) -> Vector:
    """Gaussian elimination."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        pivot = next(i for i in range(k, len(rows)) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def jacobian(value: Callable[[Vector], Vector], point: Vector, step: Fraction = Fraction(1, 10**9)) -> list[Vector]:
    """Central differences, in fractions: off by the square of the step."""
    columns = []
    for k in range(len(point)):
        up, down = list(point), list(point)
        up[k] += step
        down[k] -= step
        columns.append([(a - b) / (2 * step) for a, b in zip(value(up), value(down), strict=True)])
    return transpose(columns)
