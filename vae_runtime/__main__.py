"""`vae` and `python -m vae_runtime` begin here."""

from .search_path import leave_out_working_directory


def main() -> None:
    """Run the command: no module from the working directory, and an orderly end for signals."""
    leave_out_working_directory()
    from .stopping import orderly_end

    with orderly_end():
        from .cli import main as command

        command(prog_name="vae")


if __name__ == "__main__":
    main()
