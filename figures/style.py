"""The look of every figure: one style file, one palette, figures without global state."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PALETTE = MappingProxyType(
    {
        "blue": "#0072B2",
        "vermilion": "#D55E00",
        "green": "#009E73",
        "purple": "#CC79A7",
        "orange": "#E69F00",
        "sky": "#56B4E9",
        "black": "#000000",
        "grey": "#777777",
    }
)
"""Colours of Okabe & Ito (2008), told apart by all common kinds of colour vision; and a grey for references."""

_STYLE = files("figures") / "style.mplstyle"


def style() -> AbstractContextManager[Any]:
    """Context in which artists take the project's style; the settings outside of it stay as they were."""
    return matplotlib.rc_context(fname=str(_STYLE))


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 9.0, height: float = 4.0, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Make a figure with a grid of axes, known to no window system and to no global registry.

    Parameters
    ----------
    rows, columns
        Of the grid.
    width, height
        Inches, at 100 pixels an inch on a screen.
    options
        Passed to ``Figure.subplots``, e.g. ``sharex=True`` or ``width_ratios=[2, 1]``.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes, shape ``(rows, columns)``

    Examples
    --------
    >>> figure, axes = new_figure(1, 2)
    >>> axes.shape
    (1, 2)
    """
    with style():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def letter(axes: np.ndarray) -> None:
    """Put the panel letters a, b, c, … in front of the titles."""
    panels: list[Axes] = list(np.ravel(axes))
    for name, panel in zip("abcdefghijklmnopqrstuvwxyz", panels, strict=False):
        panel.set_title(f"{name}   {panel.get_title(loc='left')}", loc="left")
