"""Where the stationary variance over the extrapolation rate is lowest, measured and in closed form."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares, minimize_scalar

import analysis
from figures.papers.minimax_sdes.extragradient_runs import Scan, Setting


def exact_minimiser(setting: Setting, batches: str, *, discrete: bool) -> float:
    """Extrapolation rate of the lowest exact floor, of the algorithm or of its SDE."""

    def floor(rho: float) -> float:
        law = setting.law(rho, batches)
        return law.discrete_floor(setting.lr) if discrete else law.floor(setting.lr)

    bounds = (setting.scanned[0], setting.scanned[-1])
    return float(minimize_scalar(floor, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)


def measured_minimiser(scan: Scan, level: float) -> analysis.Estimate[float]:
    """Minimum of a curve fitted to a measured scan, with the interval of the delta method.

    Whatever the game, a rate of decay that is linear in rho and a noise that is quadratic in it make the floor a
    quotient ``(A + B rho + C rho^2) / (rho - R)``; all four numbers are fitted.
    """
    means = scan.means.mean(axis=1)
    near = np.abs(scan.rhos - scan.rhos[np.argmin(means)]) <= scan.setting.window
    rhos, values = scan.rhos[near], means[near]
    ses = scan.means[near].std(axis=1, ddof=1) / np.sqrt(scan.means.shape[1])
    side = 1.0 if scan.setting.lam**2 > scan.setting.a**2 else -1.0
    pole = float(rhos[0] if side > 0 else rhos[-1]) - 0.1 * side

    def curve(parameters: np.ndarray) -> np.ndarray:
        a, b, c, pole = parameters
        return (a + b * rhos + c * rhos**2) / (rhos - pole)

    def lowest(parameters: np.ndarray) -> float:
        a, b, c, pole = parameters
        return float(pole + side * np.sqrt(max(pole**2 + (a + b * pole) / c, 0.0)))

    first = np.linalg.lstsq(np.vander(rhos, 3, increasing=True), values * (rhos - pole), rcond=None)[0]
    fit = least_squares(lambda p: (curve(p) - values) / ses, [*first, pole], x_scale="jac", method="lm", max_nfev=4000)
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    step = 1e-5 * np.maximum(np.abs(fit.x), 1e-3)
    gradient = [(lowest(fit.x + d) - lowest(fit.x - d)) / (2 * h) for d, h in zip(np.diag(step), step, strict=True)]
    se = float(np.sqrt(gradient @ covariance @ np.array(gradient)))
    return analysis.normal_estimate(lowest(fit.x), se, n=means.size, level=level)
