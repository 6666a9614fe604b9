"""`--from onnx`: pairs of files and optimum's folders, against onnxruntime running the original files."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from vae_export.errors import ExportError
from vae_export.foreign.adapters.options import Options
from vae_export.foreign.adapters.table import ADAPTERS
from vae_export.foreign.exporting import export_foreign
from vae_export.foreign.onnx_graph.graph import Graph

from tests.support.onnx_pairs import DenseDecoder, write, write_dense, write_nodes, write_optimum
from vae_runtime import VAE, InputError

ONNX = ADAPTERS["onnx"]
RANDOM = np.random.default_rng(0)
SCALE, SHIFT = 0.18215, 0.5
SIZE = {"sample_size": 8, "in_channels": 3, "scaling_factor": SCALE, "shift_factor": SHIFT}


def by_onnxruntime(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def images(n, *shape):
    return RANDOM.random((n, *shape)).astype(np.float32)


@pytest.mark.parametrize("opset", [11, 17])
def test_a_folder_of_optimum_is_read_with_its_moments_split(tmp_path, opset):
    encoder, decoder = write_optimum(tmp_path, opset=opset, config=SIZE)
    model = ONNX.open([tmp_path], Options())
    assert (model.image.shape, model.latent_shape, model.value_range) == ((3, 8, 8), (2, 4, 4), (-1, 1))
    assert (model.likelihood, model.prior, model.encoder_gives) == ("none", "none", "mean, logvar")
    assert (model.latent_scale, model.latent_shift) == (SCALE, SHIFT)
    x = 2 * images(5, 3, 8, 8) - 1
    (moments,) = by_onnxruntime(encoder, x)
    mean, logvar = (part.numpy() for part in model.encoder(torch.from_numpy(x)))
    np.testing.assert_allclose(mean, moments[:, :2], atol=1e-5)
    np.testing.assert_allclose(logvar, moments[:, 2:], atol=1e-5)
    (decoded,) = by_onnxruntime(decoder, mean)
    np.testing.assert_allclose(model.decoder(torch.from_numpy(mean)).numpy(), decoded, atol=1e-5)


def test_a_folder_of_optimum_becomes_a_model_that_gives_what_its_files_give(tmp_path):
    encoder, decoder = write_optimum(tmp_path, opset=11, config=SIZE)
    export_foreign(tmp_path / "model", ONNX.open([tmp_path], Options()))
    vae, x = VAE.load(tmp_path / "model"), images(3, 3, 8, 8)
    assert (vae.latent_shape, vae.manifest.latent.scale, vae.manifest.latent.shift) == ((2, 4, 4), SCALE, SHIFT)
    posterior = vae.encode(x)
    (moments,) = by_onnxruntime(encoder, 2 * x - 1)
    np.testing.assert_allclose(posterior.mean, (moments[:, :2] - SHIFT) * SCALE, atol=1e-5)
    np.testing.assert_allclose(posterior.logvar, moments[:, 2:] + 2 * np.log(SCALE), atol=1e-5)
    (decoded,) = by_onnxruntime(decoder, posterior.mean / SCALE + SHIFT)
    np.testing.assert_allclose(vae.decode(posterior.mean), np.clip((decoded + 1) / 2, 0, 1), atol=1e-5)


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("open_sides", [(0,), ()], ids=["any batch", "a batch of 1"])
def test_a_pair_is_read_whatever_batch_it_was_written_for(tmp_path, opset, open_sides):
    """Files that were exported without dynamic_axes hold the batch of 1 in their reshapes; here it is open again."""
    paths = write_dense(tmp_path, opset=opset, open_sides=open_sides)
    model = ONNX.open(paths, Options())
    assert (model.image.shape, model.latent_shape, model.value_range) == ((1, 8, 8), (3,), (0, 1))
    assert (model.likelihood, model.prior, model.encoder_gives) == ("gaussian", "standard_normal", "mean, logvar")
    x = images(4, 1, 8, 8)
    rows = [by_onnxruntime(paths[0], row[None]) for row in x]
    for ours, theirs in zip(model.encoder(torch.from_numpy(x)), zip(*rows, strict=True), strict=True):
        np.testing.assert_allclose(ours.numpy(), np.concatenate(theirs), atol=1e-5)
    batch = torch.export.Dim("batch")
    traced = torch.export.export(model.encoder, (torch.from_numpy(x),), dynamic_shapes=({0: batch},)).module()
    assert traced(torch.from_numpy(images(7, 1, 8, 8)))[0].shape == (7, 3)


def test_in_float64_a_graph_is_computed_in_float64(tmp_path):
    model = ONNX.open(write_dense(tmp_path), Options())
    x = torch.from_numpy(images(2, 1, 8, 8))
    single = model.encoder(x)[0]
    double = model.encoder.double()(x.double())[0]
    assert double.dtype == torch.float64
    assert 0 < (double - single).abs().max() < 1e-6


def test_weights_beside_the_file_and_in_half_precision_are_read(tmp_path):
    _, decoder = write_dense(tmp_path)
    proto = onnx.load(decoder)
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(proto, tmp_path / "half.onnx", save_as_external_data=True, location="half.bin", size_threshold=0)
    assert (tmp_path / "half.bin").exists()
    model = ONNX.open((tmp_path / "encoder.onnx", tmp_path / "half.onnx"), Options())
    assert next(model.decoder.parameters()).dtype == torch.float32
    z = np.zeros((1, 3), np.float16)
    (theirs,) = by_onnxruntime(tmp_path / "half.onnx", z)
    np.testing.assert_allclose(model.decoder(torch.zeros(1, 3)).numpy(), theirs, atol=5e-3)


def test_flat_pictures_and_channels_last_become_channels_first(tmp_path):
    """A dense Keras model: an encoder of rows of pixels, a decoder of pictures with their channels last."""
    weight, back = (RANDOM.normal(0, 0.1, sides).astype(np.float32) for sides in ((48, 4), (2, 48)))
    encoder = write_nodes(
        tmp_path / "encoder.onnx",
        [
            ("MatMul", ["x", "w"], ["h"], {}),
            ("Split", ["h", "sizes"], ["dense/z_mean/out:0", "z_log_var"], {"axis": 1}),
        ],
        {"w": weight, "sizes": np.array([2, 2])},
        {"x": [None, 48]},
        {"z_log_var": [None, 2], "dense/z_mean/out:0": [None, 2]},
    )
    decoder = write_nodes(
        tmp_path / "decoder.onnx",
        [
            ("MatMul", ["z", "w"], ["h"], {}),
            ("Sigmoid", ["h"], ["p"], {}),
            ("Reshape", ["p", "shape"], ["pictures"], {}),
        ],
        {"w": back, "shape": np.array([-1, 4, 4, 3])},
        {"z": [None, 2]},
        {"pictures": [None, 4, 4, 3]},
    )
    with pytest.raises(InputError, match=r"encoder\.onnx has no image shape; give --image-shape"):
        ONNX.open((encoder, decoder), Options())
    model = ONNX.open((encoder, decoder), Options(image_shape=(3, 4, 4)))
    assert (model.value_range, model.made_by) == ((0, 1), "tool")
    x, z = images(2, 3, 4, 4), RANDOM.normal(size=(2, 2)).astype(np.float32)
    mean, logvar = (part.numpy() for part in model.encoder(torch.from_numpy(x)))
    np.testing.assert_allclose(mean, (x.reshape(2, -1) @ weight)[:, :2], atol=1e-5)  # by names, not by their order
    np.testing.assert_allclose(logvar, (x.reshape(2, -1) @ weight)[:, 2:], atol=1e-5)
    expected = (1 / (1 + np.exp(-(z @ back)))).reshape(2, 4, 4, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(model.decoder(torch.from_numpy(z)).numpy(), expected, atol=1e-5)


def test_an_encoder_that_also_draws_is_taken_without_the_draw(tmp_path):
    """As the Keras tutorial's, whose third output is z; the same graph with the draw alone is refused."""
    drawn = [
        ("Split", ["x", "sizes"], ["mean", "logvar"], {"axis": 1}),
        ("RandomNormalLike", ["mean"], ["noise"], {}),
        ("Add", ["mean", "noise"], ["z"], {}),
    ]
    sizes, taken = {"sizes": np.array([2, 2])}, {"x": [None, 4]}
    sides = {name: [None, 2] for name in ("mean", "logvar", "z")}
    both = Graph.read(write_nodes(tmp_path / "both.onnx", drawn, sizes, taken, sides))
    assert [part.shape[1] for part in both.module(["mean", "logvar"])(torch.zeros(3, 4))] == [2, 2]
    with pytest.raises(ExportError, match=r"both.onnx: the node 'RandomNormalLike_1', .* draws its own noise"):
        both.module(["z"])


def of_one_node(operator, **attributes):
    return [(operator, ["x"], ["mean"], attributes)], {}, {"x": [None, 1, 8, 8]}, {"mean": None}


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (
            of_one_node("FusedConv", domain="com.microsoft"),
            "is com.microsoft.FusedConv, an operator outside ONNX's own",
        ),
        (of_one_node("LRN", size=3), "no model of this format has such an operator"),
        (
            ([("Add", ["x", "eps"], ["mean"], {})], {}, {"x": [None, 1, 8, 8], "eps": [None, 1, 8, 8]}, {"mean": None}),
            "computes what it gives of 'x', 'eps'; expected a graph of one input",
        ),
        (
            (
                [("Relu", ["x"], ["a"], {}), ("Neg", ["x"], ["b"], {})],
                {},
                {"x": [None, 1, 8, 8]},
                {"a": None, "b": None},
            ),
            "gives 'a', 'b'; say with --encoder-gives",
        ),
        (
            (
                [("ReduceMean", ["x"], ["m"], {"axes": [0], "keepdims": 1}), ("Add", ["x", "m"], ["mean"], {})],
                {},
                {"x": [1, 1, 8, 8]},
                {"mean": [1, 1, 8, 8]},
            ),
            "mixes the rows of a batch",
        ),
        ((*of_one_node("Relu", domain="")[:2], {"x": [None, 2, 3]}, {"mean": None}), "has 2 sides behind the batch"),
    ],
)
def test_an_encoder_that_cannot_come_in_says_why(tmp_path, graph, sentence):
    nodes, weights, taken, given = graph
    domains = [attributes["domain"] for *_, attributes in nodes if attributes.get("domain")]
    encoder = write_nodes(tmp_path / "bad.onnx", nodes, weights, taken, given, domains=domains)
    decoder = tmp_path / "decoder.onnx"
    write(DenseDecoder(), decoder, torch.zeros(1, 3), opset=17, names=("z", ["y"]))
    with pytest.raises((ExportError, InputError), match=sentence) as caught:
        ONNX.open((encoder, decoder), Options())
    assert str(caught.value).startswith("bad.onnx")


def test_files_that_say_too_little_are_refused_with_the_option_that_says_it(tmp_path):
    write_optimum(tmp_path, opset=17)
    with pytest.raises(InputError, match=r"model.onnx has no image shape; give --image-shape"):
        ONNX.open([tmp_path], Options())
    write_nodes(tmp_path / "d.onnx", [("Neg", ["z"], ["y"], {})], {}, {"z": [None, 1, 8, 8]}, {"y": [None, 1, 8, 8]})
    with pytest.raises(InputError, match=r"d.onnx does not say what black and white are \(it ends in Neg\)"):
        ONNX.open((tmp_path / "d.onnx", tmp_path / "d.onnx"), Options())
    with pytest.raises(InputError, match="--image-shape 1,4,4 is not that"):
        ONNX.open((tmp_path / "d.onnx", tmp_path / "d.onnx"), Options(image_shape=(1, 4, 4)))
    assert ONNX.open((tmp_path / "d.onnx",) * 2, Options(value_range=(-1, 1))).encoder_gives == "mean"


def test_what_is_no_onnx_model_is_refused(tmp_path):
    encoder, decoder = write_dense(tmp_path)
    for content in (b"", b"not a model", decoder.read_bytes()[:-200]):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.onnx is no ONNX model"):
            ONNX.open((encoder, tmp_path / "bad.onnx"), Options())
    (tmp_path / "config.json").write_text('{"my": "config"}')
    with pytest.raises(InputError, match=r"config\.json is no ONNX model"):
        ONNX.open((encoder, tmp_path / "config.json"), Options())
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="expected a folder that optimum wrote"):
        ONNX.open([tmp_path / "folder"], Options())
    old = write_nodes(tmp_path / "old.onnx", [("Relu", ["x"], ["y"], {})], {}, {"x": [1]}, {"y": [1]}, opset=10)
    with pytest.raises(ExportError, match="is of opset 10; export it again with opset 11 or later"):
        Graph.read(old)
