"""The fields of onnx.proto: those of a graph of this format (IR version 8), and those that are ONNX and refused."""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """What a field of a message holds: "int", "float", "text", "bytes", or the name of a message."""

    name: str
    kind: str
    repeated: bool = False


SCHEMA: dict[str, dict[int, Field]] = {
    "ModelProto": {
        1: Field("ir_version", "int"),
        2: Field("producer_name", "text"),
        3: Field("producer_version", "text"),
        6: Field("doc_string", "text"),
        7: Field("graph", "GraphProto"),
        8: Field("opset_import", "OperatorSetIdProto", repeated=True),
        14: Field("metadata_props", "StringStringEntryProto", repeated=True),
    },
    "GraphProto": {
        1: Field("node", "NodeProto", repeated=True),
        2: Field("name", "text"),
        5: Field("initializer", "TensorProto", repeated=True),
        10: Field("doc_string", "text"),
        11: Field("input", "ValueInfoProto", repeated=True),
        12: Field("output", "ValueInfoProto", repeated=True),
    },
    "NodeProto": {
        1: Field("input", "text", repeated=True),
        2: Field("output", "text", repeated=True),
        3: Field("name", "text"),
        4: Field("op_type", "text"),
        5: Field("attribute", "AttributeProto", repeated=True),
        6: Field("doc_string", "text"),
    },
    "AttributeProto": {
        1: Field("name", "text"),
        2: Field("f", "float"),
        3: Field("i", "int"),
        4: Field("s", "text"),
        8: Field("ints", "int", repeated=True),
        20: Field("type", "int"),
    },
    "TensorProto": {
        1: Field("dims", "int", repeated=True),
        2: Field("data_type", "int"),
        8: Field("name", "text"),
        9: Field("raw_data", "bytes"),
        12: Field("doc_string", "text"),
    },
    "ValueInfoProto": {
        1: Field("name", "text"),
        2: Field("type", "TypeProto"),
        3: Field("doc_string", "text"),
    },
    "TypeProto": {1: Field("tensor_type", "Tensor"), 6: Field("denotation", "text")},
    "Tensor": {1: Field("elem_type", "int"), 2: Field("shape", "TensorShapeProto")},
    "TensorShapeProto": {1: Field("dim", "Dimension", repeated=True)},
    "Dimension": {1: Field("dim_value", "int"), 2: Field("dim_param", "text")},
    "OperatorSetIdProto": {1: Field("domain", "text"), 2: Field("version", "int")},
    "StringStringEntryProto": {1: Field("key", "text"), 2: Field("value", "text")},
}

FOREIGN = {  # the other fields of onnx.proto, as of IR version 13: sound ONNX, written by other programs, refused here
    "ModelProto": {4: "domain", 5: "model_version", 20: "training_info", 25: "functions", 26: "configuration"},
    "GraphProto": {13: "value_info", 14: "quantization_annotation", 15: "sparse_initializer", 16: "metadata_props"},
    "NodeProto": {7: "domain", 8: "overload", 9: "metadata_props", 10: "device_configurations"},
    "AttributeProto": {
        5: "t",
        6: "g",
        7: "floats",
        9: "strings",
        10: "tensors",
        11: "graphs",
        13: "doc_string",
        14: "tp",
        15: "type_protos",
        21: "ref_attr_name",
        22: "sparse_tensor",
        23: "sparse_tensors",
    },
    "TensorProto": {
        3: "segment",
        4: "float_data",
        5: "int32_data",
        6: "string_data",
        7: "int64_data",
        10: "double_data",
        11: "uint64_data",
        13: "external_data",
        14: "data_location",
        16: "metadata_props",
    },
    "ValueInfoProto": {4: "metadata_props"},
    "TypeProto": {
        4: "sequence_type",
        5: "map_type",
        7: "opaque_type",
        8: "sparse_tensor_type",
        9: "optional_type",
    },
    "Dimension": {3: "denotation"},
}
FOREIGN_KINDS = {"model_version": "int", "data_location": "int", "floats": "float"}  # the others have a length
REFUSED = {  # some of them in words
    ("ModelProto", 20): "training information",
    ("ModelProto", 25): "local functions",
    ("GraphProto", 15): "sparse tensors",
    ("NodeProto", 7): "an operator of another domain",
    ("AttributeProto", 6): "a subgraph",
    ("AttributeProto", 11): "subgraphs",
    ("TensorProto", 13): "weights in another file",
    ("TensorProto", 14): "weights in another place",
}
