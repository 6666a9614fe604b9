"""Threads, forks, servers that load before they fork, and calls that must end: in processes of their own."""

import hashlib
import itertools
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import vae_runtime
from vae_runtime import VAE, VAEError

CHILD_SECONDS = 30

FORKING = """
import os, sys, threading
from vae_runtime import VAE

threads, state, leave = int(sys.argv[2]), sys.argv[3], sys.argv[4]
vae = VAE.load(sys.argv[1], threads=threads)
expected = vae.sample(40, seed=3).tobytes()
stop = threading.Event()
def work():
    while not stop.is_set():
        vae.sample(64, seed=1)
others = [threading.Thread(target=work) for _ in range(2 if state == "busy" else 0)]
for other in others:
    other.start()
for _ in range(2):
    child = os.fork()
    if child == 0:
        same = leave == "idle" or (vae.sample(40, seed=3).tobytes() == expected and vae.elbo(vae.sample(2)).value.all())
        if leave == "drop":
            del vae
        sys.exit(0 if same else 9)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
stop.set()
for other in others:
    other.join()
assert vae.sample(40, seed=3).tobytes() == expected
print("clean")
"""


def python(code, *arguments, **options):
    """A process without CI in its environment, which would hide onnxruntime's telemetry thread."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)


CASES = list(itertools.product((1, 2, 4), ("quiet", "busy"), ("use", "drop", "idle")))


@pytest.fixture(scope="module")
def forking(root):
    """What the process of each case said; they run two at a time."""
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda case: python(FORKING, root / "artifacts" / "mnist", *case), CASES)
        return dict(zip(CASES, done, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("threads", "state", "leave"), CASES)
def test_children_of_a_fork_run_the_model_and_end(forking, threads, state, leave):
    done = forking[threads, state, leave]
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "clean", "")


def sampled(vae, queue):
    queue.put(vae.sample(3, seed=2).tobytes())


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_every_way_to_start_a_process_gives_the_same_images(vae, method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=sampled, args=(vae, queue))
    process.start()
    assert queue.get(timeout=CHILD_SECONDS) == vae.sample(3, seed=2).tobytes()
    process.join(CHILD_SECONDS)
    assert process.exitcode == 0


def test_eight_threads_share_one_model(vae):
    expected = {seed: (vae.sample(5, seed=seed), vae.score(vae.sample(5, seed=seed))) for seed in range(8)}

    def work(seed):
        for _ in range(10):
            images = vae.sample(5, seed=seed)
            if not (np.array_equal(images, expected[seed][0]) and np.array_equal(vae.score(images), expected[seed][1])):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


WSGI = """
import hashlib
from vae_runtime import VAE

vae = VAE.load(threads=2)
vae.sample(4)  # the master uses it before it forks


def application(environ, start_response):
    digest = hashlib.sha256(vae.sample(4, seed=7).tobytes()).hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(digest)))])
    return [digest]
"""


def test_a_server_that_loads_before_it_forks_answers_and_stops(vae, tmp_path):
    """gunicorn --preload."""
    pytest.importorskip("gunicorn")
    (tmp_path / "served.py").write_text(WSGI)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "-b",
        f"127.0.0.1:{port}",
        "served:application",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.path.dirname(os.path.dirname(vae_runtime.__file__))])
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        answers = {_get(port) for _ in range(20)}
    finally:
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=CHILD_SECONDS)
    assert answers == {hashlib.sha256(vae.sample(4, seed=7).tobytes()).hexdigest()}
    assert server.returncode == 0 and time.monotonic() - begun < 8, said
    assert "SIGKILL" not in said and "SIGSEGV" not in said and "Traceback" not in said, said


def _get(port):
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_a_timeout_ends_a_call_and_the_model_goes_on(vae):
    expected = vae.sample(4, seed=1)
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match="longer than its timeout") as error, vae_runtime.timeout(0.2):
        vae.sample(200_000)
    assert isinstance(error.value, VAEError) and time.monotonic() - begun < 5
    with vae_runtime.timeout(60):
        np.testing.assert_array_equal(vae.sample(4, seed=1), expected)
    np.testing.assert_array_equal(vae.sample(4, seed=1), expected)


def test_a_timeout_ends_a_single_run(vae):
    """Of one batch, inside onnxruntime: between its layers."""
    z = np.zeros((64, vae.latent_size), np.float32)
    with pytest.raises(TimeoutError), vae_runtime.timeout(0.0005):
        for _ in range(3):
            vae.decode(z)


def test_a_timeout_is_of_its_thread_and_of_the_inner_and_the_outer_the_sooner_counts(vae):
    samples = []
    with vae_runtime.timeout(0.01):
        time.sleep(0.02)
        other = threading.Thread(target=lambda: samples.append(vae.sample(2)))
        other.start()
        other.join()
        assert len(samples) == 1
        with pytest.raises(TimeoutError), vae_runtime.timeout(100):
            vae.sample(1)
    vae.sample(1)
    for seconds in (0, -1, float("nan")):
        with pytest.raises(vae_runtime.InputError, match="expected a number above 0"), vae_runtime.timeout(seconds):
            pass


def test_a_model_that_was_replaced_is_not_mixed_with_the_old_one_after_a_fork(folder):
    vae = VAE.load(folder)
    (folder / "decoder.onnx").write_bytes(b"other")
    pid = os.fork()
    if pid == 0:
        try:
            vae.sample(1)
        except vae_runtime.IntegrityError:
            os._exit(5)
        os._exit(6)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
