"""Figures by paper."""
