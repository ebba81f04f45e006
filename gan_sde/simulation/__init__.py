"""Ensembles of trainings and of their SDEs, with streaming statistics."""

from __future__ import annotations

from gan_sde.simulation.simulate import simulate as simulate
