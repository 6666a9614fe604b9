"""Files that appear whole or not at all, whatever the system says no to."""

import errno
import os
import stat
from pathlib import Path

import pytest

from vae_runtime import InputError, files
from vae_runtime.files import check_output, write_file


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    path = tmp_path / "a.txt"
    write_file(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left") as error:
            write_file(path, b"new")
    assert error.value.filename == str(path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["open", "replace"])
def test_a_failed_write_names_the_file_and_not_the_one_beside_it(tmp_path, monkeypatch, step):
    def denied(path, *rest, **options):
        raise OSError(errno.EACCES, "Permission denied", str(path), None, *map(str, rest[:1]))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open" if step == "open" else "os.replace", denied)
        with pytest.raises(PermissionError) as error:
            write_file(tmp_path / "a.txt", b"new", synced=False)
    assert error.value.filename == str(tmp_path / "a.txt") and ".tmp" not in str(error.value)
    assert not os.listdir(tmp_path)


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_file(path, b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_file(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_write_keeps_permissions_and_links_and_devices(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new" and target.stat().st_mode & 0o777 == 0o640
    write_file(os.devnull, b"gone")
    assert not Path(os.devnull).is_file()
    plain = tmp_path / "plain"
    plain.touch()
    write_file(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    for name in ("n" * 255, "ü" * 127):
        write_file(tmp_path / name, b"data")
        assert (tmp_path / name).read_bytes() == b"data"


@pytest.mark.parametrize(("number", "passes"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_a_directory_that_cannot_be_synced_is_no_failure_but_a_broken_disk_is(tmp_path, monkeypatch, number, passes):
    usual = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        usual(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    if passes:
        write_file(tmp_path / "a", b"data")
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            write_file(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data"


def test_a_directory_that_cannot_be_listed_is_written_to(tmp_path, monkeypatch):
    usual = os.open

    def open_(path, *rest, **options):
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return usual(path, *rest, **options)

    monkeypatch.setattr(os, "open", open_)
    write_file(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data"


def test_a_place_that_no_file_can_have_is_refused_beforehand(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        check_output(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        check_output(tmp_path / "no" / "a")
    check_output(tmp_path / "a")
    assert not os.listdir(tmp_path)


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    left = [".last.safetensors.0123abcd.tmp", ".config.json.ffffffff.tmp"]
    kept = ["last.safetensors", ".hidden.tmp", "config.json.0123abcd.tmp", ".config.json.0123ABCD.tmp"]
    kept += [".notes.0123abcd.tmp", ".my.config.json.0123abcd.tmp"]  # somebody else's
    for name in (*left, *kept):
        (tmp_path / name).touch()
    (tmp_path / ".folder.0123abcd.tmp").mkdir()
    files.sweep(tmp_path, ["last.safetensors", "config.json", "folder"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, ".folder.0123abcd.tmp"])
