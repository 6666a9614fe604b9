"""Attacks on files: damaged, hostile, torn, written at once."""
