"""The run: the loss, the trainer, the loop, and what is kept of it."""
