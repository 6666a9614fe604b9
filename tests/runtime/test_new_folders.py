"""A folder appears whole or not at all, under its own name, whatever the system says no to."""

import errno
import os

import pytest

from vae_runtime.files import new_folder, write_file, write_files

CONTENTS = {"a/b/c.txt": b"deep", "a/d.txt": b"shallower", "e.txt": b"last"}


def test_a_folder_has_its_files_and_nothing_lies_beside_it(tmp_path):
    with new_folder(tmp_path / "made" / "out") as temporary:
        write_files(temporary, CONTENTS)
        assert not (tmp_path / "made" / "out").exists()
    there = {path.relative_to(tmp_path / "made").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {f"out/{name}" for name in CONTENTS} and len(list((tmp_path / "made").iterdir())) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch, step, error):
    def stopped(*_):
        raise error

    monkeypatch.setattr(os, step, stopped)
    with pytest.raises(type(error)), new_folder(tmp_path / "out") as temporary:
        write_files(temporary, CONTENTS)
    assert not os.listdir(tmp_path)


def test_a_failed_write_names_the_folder_and_not_the_one_beside_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error, new_folder(tmp_path / "out") as temporary:
        (temporary / "missing").read_bytes()
    assert error.value.filename == str(tmp_path / "out") and ".tmp" not in str(error.value)
    with pytest.raises(FileNotFoundError) as error, new_folder(tmp_path / "out"):
        (tmp_path / "source").read_bytes()
    assert error.value.filename == str(tmp_path / "source")


def test_an_empty_folder_makes_room_and_any_other_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as temporary:
        write_file(temporary / "x", b"first")
    with pytest.raises(FileExistsError) as error, new_folder(tmp_path / "out") as temporary:
        write_file(temporary / "x", b"second")
    assert error.value.filename == str(tmp_path / "out")
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(FileExistsError), new_folder(tmp_path / "file"):
        pass
    assert (tmp_path / "out" / "x").read_bytes() == b"first" and (tmp_path / "file").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "out"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_all_is_on_the_disk_before_the_name_is_and_then_the_name(tmp_path, monkeypatch):
    """Else a power cut leaves the folder with names or contents missing, or takes it away when all was well."""
    events, usual, usual_rename = [], os.fsync, os.rename

    def fsync(handle):
        usual(handle)
        events.append(os.readlink(f"/proc/self/fd/{handle}"))

    def rename(source, target):
        events.append("renamed")
        usual_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    with new_folder(tmp_path / "out") as temporary:
        write_files(temporary, CONTENTS)
        place = os.path.realpath(temporary)
    last = {name: number for number, name in enumerate(events)}
    for folder in (place, f"{place}/a", f"{place}/a/b"):
        its_files = [number for number, name in enumerate(events) if os.path.dirname(name) == folder and "txt" in name]
        assert max(its_files, default=0) < last[folder] < last["renamed"] < last[os.path.realpath(tmp_path)]
