"""A real Triton server reads a model repository and answers as the runtime does.

    pip install nvidia-pytriton onnxruntime pillow click      # Linux; in an environment of its own, it wants numpy 1
    python -m fuzz.servers.triton artifacts/mnist served/mnist

The wheel `nvidia-pytriton` carries the server without the onnxruntime backend; triton_backend.py stands in for it.
Everything else is the server's own: reading the configurations, ensembles, batching, both protocols.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from vae_runtime import VAE, standard_normal

HTTP, GRPC = 18000, 18001
CLIENTS = 16


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("repository", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(model: Path, repository: Path) -> None:
    """Serve REPOSITORY and compare its answers with MODEL's; exit with 1 if any differs by more than 1e-6."""
    vae = VAE.load(model, threads=1)
    name, worst = vae.manifest.name, 0.0
    with serving(repository) as client:
        rows = client.get_model_config(f"{name}_sample").config.max_batch_size  # as many as one request may have
        for (role, given, wanted), (array, answer) in expected(vae, rows).items():
            ask = partial(infer, client, f"{name}_{role}", given)
            together = ask(array)[wanted]
            with ThreadPoolExecutor(CLIENTS) as clients:  # one row a request: the server joins them as it likes
                alone = np.concatenate([part[wanted] for part in clients.map(ask, np.split(array, rows))])
            apart = [float(np.abs(given - answer).max()) for given in (together, alone)]
            worst = max(worst, *apart)
            click.echo(f"{name}_{role} {wanted}: {apart[0]:.1e} together, {apart[1]:.1e} one by one")
        statistics = client.get_inference_statistics(f"{name}_decoder").model_stats[0]
        click.echo(f"{name}_decoder: {statistics.inference_count} rows in {statistics.execution_count} runs")
        eps = standard_normal(1, vae.latent_size, seed=0)
        served = _milliseconds(partial(infer, client, f"{name}_sample", "eps", eps))
        click.echo(f"one sample: {served:.2f} ms by gRPC, {_milliseconds(vae.sample):.2f} ms in process")
    sys.exit(not worst <= 1e-6)


def expected(vae: VAE, rows: int) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    """What the runtime gives for every tensor that a server gives: (role, input, output) -> arrays in and out."""
    eps = standard_normal(rows, vae.latent_size, seed=0)
    z = vae.prior.from_noise(eps, batch_size=rows)
    images = vae.decode(z)
    posterior = vae.encode(images)
    calls: dict[tuple[str, str, str], tuple[Any, Any]] = {
        ("sample", "eps", "images"): (eps, images),
        ("reconstruct", "images", "reconstruction"): (images, vae.reconstruct(images)),
        ("encoder", "images", "mean"): (images, posterior.mean),
        ("encoder", "images", "logvar"): (images, posterior.logvar),
        ("decoder", "z", "images"): (z, images),
    }
    if "prior_sample" in vae.manifest.graphs:
        calls["prior_sample", "eps", "z"] = (eps, z)
        calls["prior_log_prob", "z", "eps"] = (z, vae.prior.to_noise(z, batch_size=rows))
        if not vae.labels:  # with labels, log p(z) is more than the graph's output
            calls["prior_log_prob", "z", "log_prob"] = (z, vae.prior.log_prob(z, batch_size=rows)[:, None])
    if "faults" in vae.manifest.scores:
        calls["detector", "images", "faults"] = (images, vae.anomaly_map(images, method="faults"))
    return calls


@contextlib.contextmanager
def serving(repository: Path) -> Iterator[Any]:
    """A client of a server that serves the repository while this lasts, on this machine alone."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise click.UsageError("nvidia-pytriton is not installed here; see this module's first lines.")
    packages = Path(spec.origin).parent.parent
    grpc: Any = importlib.import_module("tritonclient.grpc")
    with tempfile.TemporaryDirectory() as scratch:
        command: list[Any] = [packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"]
        command += [f"--backend-directory={_backends(packages, Path(scratch))}", f"--model-repository={repository}"]
        command += ["--http-address=127.0.0.1", f"--http-port={HTTP}", "--grpc-address=127.0.0.1"]
        command += [f"--grpc-port={GRPC}", "--allow-metrics=false", "--disable-auto-complete-config"]
        paths = {"LD_LIBRARY_PATH": packages / "nvidia_pytriton.libs", "PYTHONPATH": packages}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, **{key: str(value) for key, value in paths.items()}, "PATH": path}
        with open(Path(scratch) / "log", "w+") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            try:
                client = grpc.InferenceServerClient(f"127.0.0.1:{GRPC}")
                for _ in range(240):
                    if server.poll() is not None:
                        break
                    with contextlib.suppress(grpc.InferenceServerException):
                        if client.is_server_ready():
                            break
                    time.sleep(0.25)
                else:
                    server.terminate()
                if server.poll() is not None:
                    log.seek(0)
                    raise click.ClickException(f"the server refused the repository:\n{log.read()[-3000:]}")
                yield client
            finally:
                server.terminate()
                server.wait()


def infer(client: Any, model: str, given: str, array: Any) -> dict[str, Any]:
    """All outputs of a model for its one input, by name."""
    grpc: Any = importlib.import_module("tritonclient.grpc")
    tensor = grpc.InferInput(given, array.shape, "FP32")
    tensor.set_data_from_numpy(np.ascontiguousarray(array))
    response = client.infer(model, [tensor])
    return {output.name: response.as_numpy(output.name) for output in response.get_response().outputs}


def _backends(packages: Path, scratch: Path) -> Path:
    """The wheel's Python backend with the stub of this Python, and beside it the stand-in."""
    server, folder = packages / "pytriton" / "tritonserver", scratch / "backends"
    shutil.copytree(server / "backends", folder)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", folder / "python")
    (folder / "onnxruntime").mkdir()
    shutil.copy(Path(__file__).with_name("triton_backend.py"), folder / "onnxruntime" / "model.py")
    return folder


def _milliseconds(call: Callable[[], Any], times: int = 200) -> float:
    """The median of so many calls."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds)) * 1e3


if __name__ == "__main__":
    main()
