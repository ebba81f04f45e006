"""Figures, each a picture together with the claim that it checks."""
