"""Rosca et al., arXiv 2105.13922: discretisation drift in two-player games."""
