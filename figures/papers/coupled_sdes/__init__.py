"""Cao & Guo, arXiv 2006.02047: coupled SDEs of GAN training."""
