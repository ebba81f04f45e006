"""Compagnoni et al., arXiv 2402.12508: SDEs of minimax optimisation."""
