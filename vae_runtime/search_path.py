"""Where commands look for modules: never in the working directory, which may be a folder that somebody downloaded.

Commands run this before they import anything else, so it needs only what Python itself has loaded by then.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # what this package was imported from


def leave_out_working_directory() -> None:
    """Take the working directory off this process's sys.path; for commands, never for the library.

    Packages that are imported already find their own modules without it, be they of a checkout that one stands in.
    """
    sys.path[:] = trusted_path()


def trusted_path() -> "list[str]":
    """sys.path without relative entries and the working directory, but for the places of Python's own modules."""
    here, own = _identity(os.curdir), {_identity(place) for place in _places_of_python()}
    return [
        entry
        for entry in sys.path
        if isinstance(entry, str) and os.path.isabs(entry) and (_identity(entry) != here or here in own)
    ]


def _places_of_python() -> "list[str]":
    site = sys.modules.get("site")
    library = os.path.dirname(os.__file__)
    packages = [*getattr(site, "getsitepackages", list)(), getattr(site, "USER_SITE", None)]
    return [library, os.path.join(library, "lib-dynload"), *filter(None, packages)]


def _identity(place: str) -> object:
    """What folder it is, by whatever name or link; a place that is not there is only itself."""
    try:
        status = os.stat(place)
    except OSError:
        return place
    return status.st_dev, status.st_ino
