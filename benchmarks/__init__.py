"""Measurements beside other engines; not a part of any package that is installed."""
