"""How well scores tell normal from strange."""
