"""The verbs that make models, as the command `vae` shows them. They import click alone until one of them runs."""
