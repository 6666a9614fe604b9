"""A command that is told to stop ends of the signal, and leaves no half-written file."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.runtime.cli.test_errors import shell
from tests.support.commands import vae_
from vae_runtime.threads import in_threads

NAPS = "for _ in range(6000): time.sleep(0.01)"  # in one long sleep, a signal just before it would wait for its end
WORK = """
import os, signal, sys, time
from vae_runtime.stopping import end_by, not_watched, orderly_end
with orderly_end():
    try:
        print("ready", flush=True)
        {work}
    finally:
        print("unwound", flush=True)
"""


def begin(work, root, **options):
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", WORK.format(work=work)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process, *signals):
    for number in signals:
        process.send_signal(number)
    output, said = process.communicate(timeout=60)
    return process.returncode, output, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_then_ends_the_process(root, number):
    assert end(begin(NAPS, root), number)[:2] == (-number, b"unwound\n")


@pytest.mark.parametrize(
    "swallowing",
    [
        f"try:\n            {NAPS}\n        except BaseException: raise ImportError('initialization failed')",
        "sys.exit(3)",
    ],
)
def test_what_a_library_makes_of_it_changes_no_exit_code(root, swallowing):
    work = f"os.kill(os.getpid(), signal.SIGTERM) if 'exit' in {swallowing!r} else None\n        {swallowing}"
    process = begin(work, root)
    signals = [] if "exit" in swallowing else [signal.SIGTERM]
    code, output, said = end(process, *signals)
    assert (code, output, said) == (-signal.SIGTERM, b"unwound\n", b"")


def test_several_signals_at_once_are_one_stop(root):
    work = "import vae_runtime.stopping; vae_runtime.stopping.ONE_STOP = 60  # however slow this machine is\n"
    work += f"        try:\n            print('inside', flush=True)\n            {NAPS}\n"
    work += "        finally: time.sleep(0.5); print('cleared', flush=True)"
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP)
    process = begin(work, root)
    assert process.stdout.readline() == b"inside\n"
    code, output, _ = end(process, *numbers)
    assert -code in numbers and output == b"cleared\nunwound\n"


def test_a_signal_ends_a_process_that_cannot_unwind(root):
    """As inside a long call of onnxruntime, where Python's handlers do not run."""
    work = "import ctypes, vae_runtime.stopping as s; s.GRACE = 0.2; library = ctypes.CDLL(None)\n"
    work += "        print('inside', flush=True); [library.sleep(60) for _ in range(9)]"  # a signal ends one sleep
    process = begin(work, root)
    assert process.stdout.readline() == b"inside\n"
    time.sleep(0.1)
    assert end(process, signal.SIGTERM)[0] in (128 + signal.SIGTERM, -signal.SIGTERM)


def test_handlers_of_a_commands_own_take_their_time(root):
    work = "import vae_runtime.stopping as s; s.GRACE = 0.1; signal.signal(signal.SIGTERM, lambda *_: print('mine'))\n"
    work += "        with not_watched(): os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.5)"
    assert end(begin(work, root))[:2] == (0, b"mine\nunwound\n")


def test_what_the_caller_ignores_stays_ignored(root):
    process = begin("time.sleep(0.5)", root, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert end(process, signal.SIGHUP)[:2] == (0, b"unwound\n")


def test_a_shell_sees_130_and_its_loop_ends(root, tmp_path):
    (tmp_path / "work.py").write_text(WORK.replace("{work}", NAPS))
    line = f'for n in 1 2 3; do "{sys.executable}" work.py; done'
    bash = subprocess.Popen(
        ["bash", "-c", line],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )
    assert bash.stdout.readline() == b"ready\n"
    os.killpg(bash.pid, signal.SIGINT)
    assert bash.communicate(timeout=60)[0] == b"unwound\n"  # it did not begin another one
    assert bash.returncode in (-signal.SIGINT, 130)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_is_stopped_leaves_no_temporary_file(root, tmp_path, number):
    command = [sys.executable, "-m", "vae_runtime", "sample", "-n", "1000000", "-o", "x.npy"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)})
    while not list(tmp_path.glob(".x.npy.*.tmp")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == -number and not list(tmp_path.iterdir())


def test_work_in_threads_ends_with_what_is_begun():
    done = []

    def work(item):
        time.sleep(0.05)
        done.append(item)

    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        in_threads(work, range(400), threads=2)
    assert len(done) < 200


def test_a_reader_who_leaves_is_no_failure_of_inputs(root, tmp_path):
    line = "{ vae sample -n 900 -o -; echo $? >&2; } | true"
    assert shell(line, cwd=tmp_path, root=root).stderr == "141\n"


def test_the_help_tells_how_a_stop_ends():
    help = " ".join(vae_("--help").stdout.split())
    assert "130 stopped by Ctrl-C, 143 by SIGTERM" in help


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_waits_for_a_picture_ends_of_one_signal(root, number):
    """Its thread is inside a read that never returns."""
    begun = [sys.executable, "-m", "vae_runtime", "score", "-", "-m", str(root / "artifacts" / "mnist-2d")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(begun, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(2)  # until it reads
    process.send_signal(number)
    try:
        assert process.wait(timeout=20) == -number
    finally:
        process.kill()
        process.communicate()


def test_work_in_threads_is_done_when_no_thread_can_be_started(root):
    """As when the main thread has ended, or at exit."""
    program = """
import atexit
from vae_runtime.threads import in_threads
done = []
atexit.register(lambda: (in_threads(done.append, [1, 2, 3], threads=2), print(sorted(set(done)))))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert (finished.returncode, finished.stdout) == (0, "[1, 2, 3]\n"), finished.stderr
