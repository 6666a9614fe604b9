"""A model folder on disk: its manifest, the bytes it promises, and the sessions opened from them. No pictures."""
