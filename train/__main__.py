"""`python -m train`: begins as `vae` does, with no module of the working directory but these packages."""

from vae_runtime.search_path import leave_out_working_directory

if __name__ == "__main__":
    leave_out_working_directory()
    from vae_runtime.stopping import orderly_end

    with orderly_end():
        from .cli import main

        main(prog_name="python -m train")
