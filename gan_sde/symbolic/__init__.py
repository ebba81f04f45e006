"""Games, algorithms and SDEs in symbols; imports neither torch nor numba."""
