"""ONNX models, made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = [helper.make_opsetid("", 20)]


def tensor(name: str, kind: int, *shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], **more: Any) -> Path:
    """Write a model of these nodes; `initializers` and `properties` are what else it says."""
    graph = helper.make_graph(nodes, "made", inputs, outputs, more.get("initializers", []))
    model = helper.make_model(graph, opset_imports=OPSET, producer_name="made by hand", doc_string="Sums up.")
    model.ir_version = 10
    model.model_version = 3
    helper.set_model_props(model, more.get("properties", {}))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def two_in_two_out(path: Path, rows: Any = "rows") -> Path:
    """sum = a + b, and whether a is the larger, of rows of three."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Greater", ["a", "b"], ["larger"]),
    ]
    inputs = [tensor("a", TensorProto.FLOAT, rows, 3), tensor("b", TensorProto.FLOAT, rows, 3)]
    outputs = [tensor("sum", TensorProto.FLOAT, rows, 3), tensor("larger", TensorProto.BOOL, rows, 3)]
    return saved(path, nodes, inputs, outputs)


def cast_of(path: Path, given: int, answered: int, *shape: Any) -> Path:
    """The input in another type."""
    nodes = [helper.make_node("Cast", ["given"], ["answered"], to=answered)]
    return saved(path, nodes, [tensor("given", given, *shape)], [tensor("answered", answered, *shape)])


def words(path: Path) -> Path:
    """The same strings, each twice."""
    nodes = [helper.make_node("StringConcat", ["text", "text"], ["twice"])]
    return saved(
        path, nodes, [tensor("text", TensorProto.STRING, None)], [tensor("twice", TensorProto.STRING, None)]
    )


def with_default(path: Path) -> Path:
    """x * factor, where the factor is 2 if nobody says otherwise."""
    nodes = [helper.make_node("Mul", ["x", "factor"], ["product"])]
    factor = numpy_helper.from_array(np.array([2], dtype="float32"), "factor")
    inputs = [tensor("x", TensorProto.FLOAT, "n", 2), tensor("factor", TensorProto.FLOAT, 1)]
    return saved(path, nodes, inputs, [tensor("product", TensorProto.FLOAT, "n", 2)], initializers=[factor])


def described(path: Path) -> Path:
    """A model that says what its columns and classes are called."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    said = {
        "feature_names": '["sepal", "petal"]',
        "classes": "{0: 'small', 1: 'large'}",
        "author": "A. Person",
    }
    shape = [tensor("x", TensorProto.FLOAT, None, 2)]
    return saved(path, nodes, shape, [tensor("y", TensorProto.FLOAT, None, 2)], properties=said)
