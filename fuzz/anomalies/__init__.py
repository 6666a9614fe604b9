"""Attacks on calibrations."""
