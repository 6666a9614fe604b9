"""Attacks on numbers: other graphs, engines, threads and batches must not change them."""
