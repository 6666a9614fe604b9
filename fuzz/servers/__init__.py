"""Attacks on what inference servers read."""
