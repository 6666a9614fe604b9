"""Pictures larger than a model's images, encoded and decoded by overlapping windows whose seams are blended."""
