"""Mathematics: arrays in, arrays out. No files, no state, no models."""
