"""The verbs that end in a model folder. They import click alone until one of them runs."""
