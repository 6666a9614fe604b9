"""`vae train`: from data to a verified, calibrated model and a report of it, in steps that are done once."""
