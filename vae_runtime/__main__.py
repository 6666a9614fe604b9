"""`python -m vae_runtime`, the same as `vae`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="vae")
