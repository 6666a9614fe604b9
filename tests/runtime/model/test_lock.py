"""One process writes to a model folder at a time, and none is kept out for ever."""

import multiprocessing
import os
import signal
import time

import pytest

from tests.support.folders import model_at, replacing
from vae_runtime import InputError
from vae_runtime.model import lock
from vae_runtime.model import manifest as manifests
from vae_runtime.model.integrity import unlisted_files
from vae_runtime.model.lock import held_alone
from vae_runtime.model.writing import write_model

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@fork
def test_two_writers_leave_a_whole_model_and_nothing_else(folder, other, tmp_path):
    """In a folder that is there, and one that both make."""
    context, mine = multiprocessing.get_context("fork"), model_at(folder)
    for number in range(6):
        place = folder if number % 2 else tmp_path / f"new-{number}"
        writers = [context.Process(target=replacing, args=(place, model, 0.1)) for model in (mine, other)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0, 0]
        manifest, _ = model_at(place)
        assert unlisted_files(place, manifest) == [] and not list(place.glob(".*"))


@fork
def test_a_writer_that_is_killed_or_stopped_does_not_keep_others_out_for_ever(folder, other):
    ready, child = multiprocessing.Event(), 0
    child = os.fork()
    if child == 0:
        with held_alone(folder):
            ready.set()
            time.sleep(60)
    assert ready.wait(30)
    with pytest.raises(InputError, match="is being written to by another process"), held_alone(folder, seconds=0.1):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    write_model(folder, *other)
    assert manifests.read(folder).created_by == "another"


@fork
def test_a_child_of_a_writer_does_not_hold_the_folder_on(folder):
    with held_alone(folder) as alone:
        child = os.fork()
        if child == 0:
            time.sleep(60)
    try:
        assert alone
        with held_alone(folder, seconds=0.1) as again:
            assert again
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_without_locks_models_are_written_all_the_same(folder, other, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    write_model(folder, *other)
    manifest, _ = model_at(folder)
    assert manifest.created_by == "another" and unlisted_files(folder, manifest) == []


def test_a_thread_that_holds_a_folder_need_not_wait_for_itself(folder):
    with held_alone(folder) as first, held_alone(folder, seconds=0) as second:
        assert first and second
    with held_alone(folder, seconds=0) as third:
        assert third
