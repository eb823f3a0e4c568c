"""Inputs of several axes, of whole numbers, and such that may be left out, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import onnx_models
import pytest
from onnx import TensorProto
from serving import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    pictures = onnx_models.cast_of(folder / "pictures.onnx", TensorProto.FLOAT, TensorProto.INT64, "n", 2, 3)
    counts = onnx_models.cast_of(folder / "counts.onnx", TensorProto.INT32, TensorProto.FLOAT, "n", 2)
    factor = onnx_models.with_default(folder / "factor.onnx")
    with serving(*map(str, (pictures, counts, factor))) as running:
        yield running


def predict(server: Server, name: str, **arguments: Any) -> httpx.Response:
    return server.client.post(f"/v2/models/{name}/predict/", json=arguments)


def test_arrays_of_three_axes(server: Server) -> None:
    picture = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    answer = predict(server, "pictures", given=[picture, picture])
    assert (answer.status_code, answer.json()["predictions"]) == (200, [[[1, 2, 3], [4, 5, 6]]] * 2)


@pytest.mark.parametrize(
    "given", [[[1.0, 2.0, 3.0]], [[[1.0, 2.0], [3.0, 4.0]]], [[[1.0, 2.0, 3.0], [4.0, 5.0, "6"]]], 1, None]
)
def test_arrays_of_another_shape_are_the_clients_error(server: Server, given: Any) -> None:
    answer = predict(server, "pictures", given=given)
    assert (answer.status_code, list(answer.json())) == (422, ["given"])


def test_whole_numbers_stay_whole(server: Server) -> None:
    assert predict(server, "counts", given=[[1, -2]]).json()["predictions"] == [[1.0, -2.0]]
    for wrong in (1.5, 2**31, True, "1"):
        answer = predict(server, "counts", given=[[1, wrong]])
        assert (answer.status_code, list(answer.json()["given"]["0"])) == (422, ["1"]), wrong


def test_an_input_with_a_value_of_its_own_may_be_left_out(server: Server) -> None:
    assert predict(server, "factor", x=[[1.0, 2.0]]).json()["predictions"] == [[2.0, 4.0]]
    assert predict(server, "factor", x=[[1.0, 2.0]], factor=[3.0]).json()["predictions"] == [[3.0, 6.0]]
