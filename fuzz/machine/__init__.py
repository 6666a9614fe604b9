"""Attacks on processes: time, memory, signals, planted modules."""
