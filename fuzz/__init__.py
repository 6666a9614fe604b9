"""Attacks on the runtime: long, by command; tests/ runs short ones."""
