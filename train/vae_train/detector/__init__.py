"""The fault detector: its network, the faults drawn for it, its training."""
