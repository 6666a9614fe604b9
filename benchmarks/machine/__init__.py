"""What the machine does: processes, peaks, scaling, training."""
