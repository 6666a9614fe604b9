"""Files and folders that appear whole or not at all: written beside their place, then renamed into it.

A file by itself, a model's and a checkpoint's are also on the disk when the call returns, and stay whole or old through
a power cut. One of many results is not (`synced=False`): two syncs each would take longer than the results do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from .errors import InputError


def read_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """At most `limit` + 1 bytes of a file; a pipe or device, which may never end or never begin, is an OSError."""
    wait_for_nobody = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | wait_for_nobody)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        return file.read(min(limit, status.st_size) + 1)  # Python takes the memory for all that it is asked for


def read_stream(file: BinaryIO, limit: int) -> bytes:
    """At most `limit` + 1 bytes of an open file; a pipe may give them in pieces, and memory is taken as they come."""
    content = bytearray()
    while len(content) <= limit and (part := file.read(min(2**20, limit + 1 - len(content)))):
        content += part
    return bytes(content)


def read_handle(handle: int, limit: int) -> bytes:
    """At most `limit` + 1 bytes of an open file from its beginning; processes that share the handle do not disturb."""
    parts: list[bytes] = []
    while left := limit + 1 - sum(map(len, parts)):
        part = os.pread(handle, min(left, 2**30), limit + 1 - left)  # no more than a system gives at once
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def write_file(path: str | os.PathLike[str], data: bytes, *, synced: bool = True) -> None:
    """Write `data` as `new_file` does."""
    with new_file(path, synced=synced) as file:
        file.write(data)


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str], *, synced: bool = True) -> Iterator[BinaryIO]:
    """A file to write into piece by piece; it takes its name when all is written.

    A crash, a kill or a full disk leaves the old file or the new one, never a torn one, and so does a power cut. With
    synced=False a power cut may find the file missing, empty or cut off until the system has written it to the disk,
    which most do within half a minute. A device or pipe (/dev/null, a fifo) is written to as it is. A full disk raises
    OSError and leaves no trace.
    """
    path = Path(os.path.realpath(path))  # a link stays a link: its target is replaced
    check_output(path)
    try:
        with open(path, "wb") if path.exists() and not path.is_file() else _aside(path, synced) as file:
            yield file
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails does not say where
        raise


@contextlib.contextmanager
def _aside(path: Path, synced: bool) -> Iterator[BinaryIO]:
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:
            if path.exists():
                os.chmod(temporary, path.stat().st_mode & 0o777)
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename, error.filename2 = str(path), None  # the name that the caller knows
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if synced:
        sync_directory(path.parent)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into under a temporary name; it takes its own, which is new or an empty folder's, at the end.

    A crash, a kill, a full disk or a power cut leaves the whole folder or none: write with `write_file`, which syncs.
    FileExistsError: another process has put something there meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    temporary.mkdir()
    try:
        yield temporary
        for folder in (temporary, *(each for each in temporary.rglob("*") if each.is_dir())):
            sync_directory(folder)
        _rename_folder(temporary, path)
    except BaseException as error:
        import shutil  # which loads four compressors, and every verb loads this module

        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and str(error.filename or temporary).startswith(str(temporary)):
            error.filename, error.filename2 = str(path), None  # the name that the caller knows
        raise
    sync_directory(path.parent)


def _rename_folder(source: Path, target: Path) -> None:
    try:
        if target.is_dir():  # an empty one makes room; Windows renames onto nothing that exists
            target.rmdir()
        os.rename(source, target)
    except OSError as error:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        raise


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files by their path in a folder, in this order, as `write_file` does; makes the folders they are in."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, content)


def temporary_name(path: Path) -> Path:
    """A new name beside a file for what will take its place: `temporaries` finds it where its writer was killed."""
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")  # no longer than a name may be


def temporaries(folder: str | os.PathLike[str], names: Iterable[str]) -> list[Path]:
    """The temporary files of these names in a folder: of writers that were killed, or that are at work."""
    stems = {name[:40] for name in names}
    aside = (path for path in Path(folder).glob(".*.tmp") if path.is_file() and not path.is_symlink())
    return sorted(
        path for path in aside if (match := re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.tmp", path.name)) and match[1] in stems
    )


def sweep(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Remove what writers of these files that were killed have left in a folder that nobody else writes to."""
    for path in temporaries(folder, names):
        with contextlib.suppress(OSError):
            path.unlink()


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a path that no file can be written to."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the name of a file to write.")
    if not path.parent.is_dir():
        raise InputError(f"the directory {path.parent} does not exist; make it first, or write elsewhere.")


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Make a rename inside `path` outlive a power cut, where the system can."""
    if os.name == "nt":  # Windows opens no directories; its rename is journalled
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # a directory that may be written to and not listed
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync no directories
            raise
    finally:
        os.close(handle)
