"""What other libraries leave on a disk, each read by one small file."""
