"""Gu, Guo & Li, arXiv 2105.08037: adversarial training by stochastic differential equations, and its control."""
