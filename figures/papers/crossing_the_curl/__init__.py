"""Gemp & Mahadevan, arXiv 1808.01531: the linear-quadratic GAN."""
