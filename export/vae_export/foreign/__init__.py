"""Models that others trained: modules of torch that this project did not write become checked model folders."""
