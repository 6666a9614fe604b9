"""A model folder laid out for inference servers."""
