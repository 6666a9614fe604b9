"""Power is cut at every instant of a write, and the disk forgets what was not synced: old or new, never neither.

What a disk may hold after a power cut: of each file that was not synced, its content, half of it, or nothing; of the
names that were given, moved or removed in a folder since that folder was synced, any subset.
"""

import builtins
import itertools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.linear_gaussian import LinearGaussian
from vae_runtime import VAE, write_image
from vae_runtime.files import write_file
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import read_file
from vae_runtime.model.writing import write_model
from vae_runtime.pictures.reading import read_picture

IMAGES = np.full((1, 1, 2, 3), 0.5, np.float32)


class Event(NamedTuple):
    """create, rename or unlink of names in a folder; sync of a file's content, or of the folder."""

    kind: str
    name: str
    other: str = ""
    content: bytes = b""


def recorded(monkeypatch, folder, write):
    """The events of a write inside one flat folder."""
    events = []
    usual = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink")}
    usual_open = builtins.open

    def inside(path):
        return os.path.dirname(os.path.realpath(path)) == os.path.realpath(folder)

    def opening(path, mode="r", *args, **kwargs):
        file = usual_open(path, mode, *args, **kwargs)
        if set(mode) & set("xw") and not isinstance(path, int) and inside(path):
            events.append(Event("create", os.path.basename(path)))
        return file

    def fsync(handle):
        usual["fsync"](handle)
        path = os.readlink(f"/proc/self/fd/{handle}")
        if os.path.isdir(path):
            events.append(Event("sync folder", ""))
        else:
            events.append(Event("sync", os.path.basename(path), content=Path(path).read_bytes()))

    def moving(name):
        def move(source, target, **kwargs):
            usual[name](source, target, **kwargs)
            events.append(Event("rename", os.path.basename(source), os.path.basename(target)))

        return move

    def unlink(path, *args, **kwargs):
        usual["unlink"](path, *args, **kwargs)
        events.append(Event("unlink", os.path.basename(path)))

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", opening)
        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "replace", moving("replace"))
        patch.setattr(os, "rename", moving("rename"))
        patch.setattr(os, "unlink", unlink)
        write()
    return events


def states(before, events, final):
    """Every content of the folder that a power cut may leave: name -> bytes; and whether all had been done by then."""
    seen = set()
    for end in range(len(events) + 1):
        names, contents, synced, pending = {name: name for name in before}, dict(before), set(before), []
        for number, event in enumerate(events[:end]):
            inode = f"{event.name}#{number}"
            if event.kind == "sync":
                made = (op[2] for op in reversed(pending) if op[0] == "create" and op[1] == event.name)
                synced.add(next(made, names.get(event.name)))
            elif event.kind == "sync folder":
                names, pending = applied(names, pending), []
            elif event.kind == "create":
                contents[inode] = written(events, event.name, number, final)
                pending.append(("create", event.name, inode))
            else:
                pending.append((event.kind, event.name, event.other))
        for kept in itertools.chain.from_iterable(
            itertools.combinations(range(len(pending)), size) for size in range(len(pending) + 1)
        ):
            there = applied(names, pending, set(kept))
            for share in (0, 0.5, 1):
                disk = {
                    name: contents[inode] if inode in synced else contents[inode][: int(share * len(contents[inode]))]
                    for name, inode in there.items()
                }
                key = (tuple(sorted((name, hash(content)) for name, content in disk.items())), end == len(events))
                if key not in seen:
                    seen.add(key)
                    yield disk, end == len(events)


def written(events, name, number, final):
    """What a file that is created by this event comes to hold."""
    later = (event.content for event in events[number:] if event.kind == "sync" and event.name == name)
    return next(later, final.get(name, b""))


def applied(names, pending, kept=None):
    """The names after some of the pending changes; a name that was moved brings its file with it."""
    names, files = dict(names), {}
    for number, (kind, name, other) in enumerate(pending):
        if kind == "create":
            files[name] = other
        if kind == "rename":
            files[other] = files.get(name, names.get(name))
        if kept is not None and number not in kept:
            continue
        if kind == "create":
            names[name] = other
        elif kind == "rename":
            names.pop(name, None)
            names[other] = files[other]
        else:
            names.pop(name, None)
    return names


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def laid(folder, disk):
    folder.mkdir()
    for name, content in disk.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_a_model_that_is_replaced_is_the_old_or_the_new_one_after_any_power_cut(tmp_path, monkeypatch):
    place = LinearGaussian.make().write(tmp_path / "model")
    new = LinearGaussian.make(logvar_error=0.5).write(tmp_path / "new")
    manifest = manifests.read(new)
    contents = {file.file: read_file(new, file) for file in manifest.files}
    before = content_of(place)
    known = {name: VAE.load(path).encode(IMAGES).logvar for name, path in (("old", place), ("new", new))}
    events = recorded(monkeypatch, place, lambda: write_model(place, manifest, contents))
    counts = {"old": 0, "new": 0}
    for number, (disk, done) in enumerate(states(before, events, content_of(place))):
        logvar = VAE.load(laid(tmp_path / str(number), disk), threads=1).encode(IMAGES).logvar
        state = next(name for name, expected in known.items() if np.array_equal(logvar, expected))
        assert state == "new" or not done
        counts[state] += 1
    assert min(counts.values()) > 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_a_picture_that_is_replaced_is_the_old_or_the_new_one_after_any_power_cut(tmp_path, monkeypatch):
    place = tmp_path / "out"
    place.mkdir()
    write_image(place / "x.png", np.zeros((1, 5, 5), np.float32))
    before = content_of(place)
    events = recorded(monkeypatch, place, lambda: write_image(place / "x.png", np.ones((1, 5, 5), np.float32)))
    assert [event.kind for event in events] == ["create", "sync", "rename", "sync folder"]
    levels = []
    for number, (disk, done) in enumerate(states(before, events, content_of(place))):
        levels.append(read_picture(laid(tmp_path / str(number), disk) / "x.png").getpixel((0, 0)))
        assert levels[-1] == 255 or not done
    assert set(levels) == {0, 255}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_of_many_results_a_power_cut_may_lose_each_and_touches_nothing_else(tmp_path, monkeypatch):
    """What docs/RELIABILITY.md promises of them: missing, empty or cut off, never another file's content."""
    place = tmp_path / "out"
    place.mkdir()
    (place / "other").write_bytes(b"kept")
    (place / "a").write_bytes(b"old!")

    def results():
        for name, content in (("a", b"AAAA"), ("b", b"BBBB")):
            write_file(place / name, content, synced=False)

    events = recorded(monkeypatch, place, results)
    assert [event.kind for event in events] == ["create", "rename"] * 2
    final = {**content_of(place), **{event.name: content_of(place)[event.other] for event in events if event.other}}
    contents = {name: set() for name in "ab"}
    for disk, _ in states({"other": b"kept", "a": b"old!"}, events, final):
        assert disk.pop("other") == b"kept"
        for name in "ab":
            contents[name].add(disk.pop(name, None))
        assert all(name.endswith(".tmp") for name in disk)
    assert contents == {"a": {b"old!", b"AAAA", b"AA", b""}, "b": {None, b"BBBB", b"BB", b""}}


def test_the_enumeration_finds_a_writer_that_does_not_sync(tmp_path, monkeypatch):
    """A rename alone, as most programs do it, can leave half a picture."""
    place = tmp_path / "out"
    place.mkdir()
    (place / "x").write_bytes(b"old!")

    def careless():
        with open(place / "y", "xb") as file:
            file.write(b"new!")
        os.replace(place / "y", place / "x")

    events = recorded(monkeypatch, place, careless)
    contents = {disk.get("x") for disk, _ in states({"x": b"old!"}, events, {"y": b"new!"})}
    assert {b"old!", b"new!", b"ne", b""} <= contents
