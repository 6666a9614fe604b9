"""One function an engine: a model folder becomes `decode`, latents float32 [batch, latent_size] -> images.

Each engine is opened as its own documentation advises for inference on a processor, with the given number of threads.
`built` holds what `benchmarks.engines.convert` made for those that cannot read ONNX.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Decode = Callable[[Float32], Float32]


def ours(folder: Path, built: Path, threads: int, precision: str = "float32") -> Decode:
    from vae_runtime import VAE

    vae = VAE.load(folder, threads=threads, precision=precision)
    return lambda z: vae.decode(z, batch_size=64)


def ours_int8(folder: Path, built: Path, threads: int) -> Decode:
    return ours(folder, built, threads, "int8")


def onnxruntime(folder: Path, built: Path, threads: int) -> Decode:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / "decoder.onnx", options, providers=["CPUExecutionProvider"])
    return lambda z: session.run(None, {"z": z})[0]


def torch_eager(folder: Path, built: Path, threads: int) -> Decode:
    import torch

    return _torch(folder, threads, lambda module: torch.inference_mode()(module))


def torch_compile(folder: Path, built: Path, threads: int) -> Decode:
    import torch

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(built / "inductor"))
    return _torch(folder, threads, lambda module: torch.inference_mode()(torch.compile(module, dynamic=False)))


def _torch(folder: Path, threads: int, wrap: Callable[..., Callable[..., object]]) -> Decode:
    import torch
    from vae_train.checkpoint import load_model

    torch.set_num_threads(threads)
    model, _ = load_model(folder / "checkpoint")
    decode = wrap(torch.nn.Sequential(model.decoder, torch.nn.Sigmoid()).eval())
    return lambda z: decode(torch.from_numpy(z)).numpy()


def openvino(folder: Path, built: Path, threads: int) -> Decode:
    os.environ["OPENVINO_TELEMETRY_OPT_OUT"] = "1"
    import openvino

    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(folder / "decoder.onnx", "CPU", options).create_infer_request()
    return lambda z: request.infer([z], share_inputs=True, share_outputs=True)[0]


def litert(folder: Path, built: Path, threads: int) -> Decode:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(built / "decoder.tflite"), num_threads=threads)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    batch = 0

    def decode(z: Float32) -> Float32:
        nonlocal batch
        if len(z) != batch:
            interpreter.resize_tensor_input(source["index"], z.shape)
            interpreter.allocate_tensors()
            batch = len(z)
        interpreter.set_tensor(source["index"], z)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return decode


def keras_call(folder: Path, built: Path, threads: int) -> Decode:
    model = _keras(folder, threads)
    return lambda z: np.asarray(model(z))


def keras_predict(folder: Path, built: Path, threads: int) -> Decode:
    model = _keras(folder, threads)
    return lambda z: model.predict(z, verbose=0)


def _keras(folder: Path, threads: int) -> Callable[..., object]:
    import tensorflow

    from .keras_decoder import keras_decoder

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    return keras_decoder(folder / "decoder.onnx")


def ncnn(folder: Path, built: Path, threads: int) -> Decode:
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.load_param(str(built / "decoder.ncnn.param"))
    net.load_model(str(built / "decoder.ncnn.bin"))

    def one(z: Float32) -> Float32:
        with net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(z))
            return np.array(extractor.extract("out0")[1])

    return lambda z: np.stack([one(row) for row in z])  # it has no batches


def tract(folder: Path, built: Path, threads: int) -> Decode:
    import tract

    models: dict[int, object] = {}

    def model(batch: int, size: int) -> object:
        if batch not in models:  # it optimises for a shape that it knows
            loaded = tract.onnx().load(folder / "decoder.onnx")
            loaded.set_input_fact(0, f"{batch},{size},f32")
            models[batch] = loaded.into_model().into_runnable()
        return models[batch]

    return lambda z: model(*z.shape).run([tract.Tensor.from_numpy(z)])[0].to_numpy()


# Name in the tables, and the distributions to install for it.
ENGINES: dict[str, tuple[Callable[[Path, Path, int], Decode], tuple[str, ...]]] = {
    "vae_runtime": (ours, ("vae-runtime", "onnxruntime")),
    "vae_runtime int8": (ours_int8, ("vae-runtime", "onnxruntime")),
    "onnxruntime": (onnxruntime, ("onnxruntime", "pillow")),
    "torch eager": (torch_eager, ("torch", "safetensors", "numpy", "pillow")),
    "torch.compile": (torch_compile, ("torch", "safetensors", "numpy", "pillow")),
    "OpenVINO": (openvino, ("openvino", "pillow")),
    "LiteRT": (litert, ("ai-edge-litert", "pillow")),
    "Keras model(z)": (keras_call, ("tensorflow", "pillow")),
    "Keras predict": (keras_predict, ("tensorflow", "pillow")),
    "ncnn": (ncnn, ("ncnn", "pillow")),
    "tract": (tract, ("tract", "pillow")),
}
