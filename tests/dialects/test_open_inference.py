"""The Open Inference Protocol, as Triton's own client speaks it, and as bytes that no client sends."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy
import psutil
import pytest
import tritonclient.http as triton
from serving import Server, serving

DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1", "INT16": "i2",
    "INT32": "i4", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    names = ("Adds", "Reads", "Plain", "Streams", "Fails")
    with serving(*(f"{name.lower()}=tensor_models:{name}" for name in names)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as made:
        yield made


def tensor(name: str, array: Any, kind: str = "", *, binary: bool = True) -> Any:
    made = triton.InferInput(name, list(array.shape), kind or "FP32")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def texts(name: str, *values: bytes | str) -> Any:
    return tensor(name, numpy.array(values, dtype=object), "BYTES")


def infer(server: Server, model: str, *inputs: dict[str, Any], **more: Any) -> httpx.Response:
    return server.client.post(f"/v2/models/{model}/infer", json={"inputs": list(inputs), **more})


def sent(name: str, shape: list[int], datatype: str, data: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def error(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert list(found) == ["error"]
    return found["error"]


# -- Triton's client ---------------------------------------------------------------------------------


def test_the_server_and_its_models_are_known(server: Server, client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("adds")
    assert not client.is_model_ready("nothing")
    assert client.get_server_metadata()["name"] == "modelport"
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    known = client.get_model_metadata("adds")
    assert (known["name"], known["versions"], known["platform"]) == ("adds", ["0"], "modelport")
    assert known["inputs"][1] == {"name": "k", "datatype": "FP64", "shape": [1]}
    plain = client.get_model_metadata("plain")["inputs"]
    assert plain[0] == {"name": "points", "datatype": "FP64", "shape": [-1, -1]}
    assert {one["name"] for one in client.get_model_repository_index()} >= {"adds", "reads"}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", DTYPES)
def test_every_datatype_comes_and_goes(client: Any, kind: str, binary: bool) -> None:
    array = numpy.array([[0, 1, 1], [1, 0, 1]], dtype=DTYPES[kind])
    if kind == "FP16" and not binary:
        pytest.skip("the client itself sends FP16 as bytes alone")
    asked = triton.InferRequestedOutput("sum", binary_data=binary)
    given = [tensor("x", array, kind, binary=binary), tensor("k", numpy.array([1.0]), "FP64")]
    found = client.infer("adds", given, outputs=[asked], request_id="mine")
    assert found.get_response()["id"] == "mine"
    assert found.as_numpy("sum").shape == (2, 3)
    assert numpy.array_equal(found.as_numpy("sum"), array + 1.0)


def test_outputs_are_those_that_are_asked_for(client: Any) -> None:
    x = tensor("x", numpy.arange(6, dtype="f4").reshape(2, 3))
    every = client.infer("adds", [x, texts("name", "Zoë"), texts("tags", "a", "b")])
    assert [one["name"] for one in every.get_response()["outputs"]] == ["sum", "name", "tags", "whole"]
    assert every.as_numpy("sum").dtype == numpy.float32
    assert every.as_numpy("name").tolist() == ["Zoë".encode()]
    assert every.as_numpy("tags").tolist() == [b"a", b"b"]
    assert json.loads(every.as_numpy("whole")[0]) == {"shape": [2, 3]}
    wanted = [triton.InferRequestedOutput("name"), triton.InferRequestedOutput("sum", class_count=2)]
    some = client.infer("adds", [x], outputs=wanted)
    assert [one["name"] for one in some.get_response()["outputs"]] == ["name", "sum"]
    assert some.as_numpy("sum").tolist() == [[b"3.000000:2", b"2.000000:1"], [b"6.000000:2", b"5.000000:1"]]
    with pytest.raises(triton.InferenceServerException, match="no output 'other'; there is: sum, name"):
        client.infer("adds", [x], outputs=[triton.InferRequestedOutput("other")])


def test_a_file_is_an_element_of_bytes(client: Any) -> None:
    content = bytes(range(256))
    found = client.infer("reads", [texts("file", content), tensor("times", numpy.array([2]), "INT64")])
    assert found.as_numpy("output").tolist() == [content * 2]


def test_a_stream_is_answered_whole(client: Any) -> None:
    count = tensor("count", numpy.array([3], dtype="i4"), "INT32")
    assert client.infer("streams", [count]).as_numpy("output").tolist() == [0, 1, 2]


def test_errors_reach_the_client(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'"):
        client.infer("nothing", [texts("file", b"x")])
    with pytest.raises(triton.InferenceServerException, match="no input 'file'; there is: x, k, name, tags"):
        client.infer("adds", [texts("file", b"x")])


# -- JSON --------------------------------------------------------------------------------------------


def test_data_are_flat_or_nested(server: Server) -> None:
    flat = infer(server, "plain", sent("points", [2, 2], "FP64", [1, 2.5, 3, 4])).json()
    assert flat == infer(server, "plain", sent("points", [2, 2], "FP64", [[1, 2.5], [3, 4]])).json()
    assert flat["model_name"] == "plain"
    assert flat["outputs"][0] == {"name": "total", "datatype": "FP64", "shape": [1], "data": [10.5]}
    batch = infer(server, "plain", sent("points", [1, 2, 2], "FP64", [[[1, 2.5], [3, 4]]])).json()
    assert batch["outputs"] == flat["outputs"]


def test_arguments_are_parameters_too(server: Server) -> None:
    points = sent("points", [1, 1], "FP64", [1])
    options = sent("options", [1], "BYTES", ['{"a": 1}'])
    answer = infer(server, "plain", points, options, parameters={"on": True}).json()
    assert answer["outputs"][1] == {"name": "on", "datatype": "BOOL", "shape": [1], "data": [True]}
    assert json.loads(answer["outputs"][2]["data"][0]) == {"a": 1}
    assert "unknown" in error(infer(server, "plain", points, parameters={"off": True}))
    assert "twice" in error(infer(server, "plain", points, parameters={"points": [[1]]}))
    said = error(infer(server, "plain", points, parameters={"sequence_id": 1}))
    assert "keep no state between requests" in said


def test_bytes_that_are_no_text_are_base64_in_json(server: Server) -> None:
    sent_as = {**sent("file", [1], "BYTES", ["/wA="]), "parameters": {"content_type": "base64"}}
    (output,) = infer(server, "reads", sent_as).json()["outputs"]
    assert (output["data"], output["parameters"]) == (["/wA="], {"content_type": "base64"})


BAD_TENSORS = {
    "too few": (sent("x", [2, 2], "FP32", [1, 2, 3]), "shape [2, 2] has 4 elements, and its data 3"),
    "too many": (sent("x", [1], "FP32", [1, 2]), "has 1 elements, and its data 2"),
    "ragged": (sent("x", [2, 2], "FP32", [[1, 2], [3]]), "not nested as its shape"),
    "half nested": (sent("x", [2, 2], "FP32", [[1, 2], 3]), "not nested as its shape"),
    "nested otherwise": (sent("x", [4], "FP32", [[1, 2], [3, 4]]), "not nested as its shape"),
    "negative": (sent("x", [-1], "FP32", [1]), "none of them negative"),
    "overflow": (sent("x", [1 << 62, 1 << 62], "FP32", []), "larger than any tensor"),
    "2^63": (sent("x", [1 << 62, 2], "FP32", []), "larger than any tensor"),
    "empty, and large": (sent("x", [1 << 40, 0], "FP32", []), "larger than any tensor"),
    "no integers": (sent("x", [1.5], "FP32", [1]), "a list of integers"),
    "booleans": (sent("x", [True], "FP32", [1]), "a list of integers"),
    "many axes": (sent("x", [1] * 33, "FP32", [1]), "at most 32 axes"),
    "no type": (sent("x", [1], "FP31", [1]), "its datatype must be one of BOOL"),
    "text": (sent("x", [1], "FP32", ["1"]), "data of FP32 are numbers"),
    "a boolean": (sent("x", [1], "INT8", [True]), "data of INT8 are integers"),
    "out of range": (sent("x", [1], "INT8", [128]), "out of the range of INT8"),
    "beyond a float": (sent("x", [1], "FP32", [1e39]), "out of the range of FP32"),
    "beyond half a float": (sent("x", [2], "FP16", [1, -65520]), "out of the range of FP16"),
    "texts in many lists": (sent("x", [9000, *[1] * 20], "BYTES", ["a"] * 9000), "lists in lists"),
    "null": (sent("x", [1], "FP64", [None]), "data of FP64 are numbers"),
    "no data": ({"name": "x", "shape": [1], "datatype": "FP32"}, "has no data: neither"),
    "data of no list": (sent("x", [1], "FP32", 1), "must be a list"),
    "shared memory": (
        {
            "name": "x", "shape": [1], "datatype": "FP32",
            "parameters": {"shared_memory_region": "a", "shared_memory_byte_size": 4},
        },
        "start it with allow_client_shm",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_TENSORS)
def test_a_malformed_tensor_is_refused_by_its_name(server: Server, what: str) -> None:
    given, words = BAD_TENSORS[what]
    said = error(infer(server, "adds", given))
    assert "the input 'x'" in said
    assert words in said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "valid JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "'inputs' must be a list"),
        (b'{"inputs": [1]}', "'inputs' must be a list of objects"),
        (b'{"inputs": [{}]}', "an input has no name"),
        (b'{"inputs": [], "id": 1}', "id of the request is no text"),
        (b'{"inputs": [], "outputs": {}}', "'outputs' must be a list"),
        (b'{"inputs": []}', "x: "),
        (
            (
                b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}],'
                b' "outputs": [{"name": "sum"}, {"name": "sum"}]}'
            ),
            "the output 'sum' is asked for twice",
        ),
    ],
)
def test_a_malformed_request_is_refused(server: Server, body: bytes, words: str) -> None:
    answer = server.client.post("/v2/models/adds/infer", content=body)
    assert words in error(answer)


def test_what_is_sent_elsewhere_is_refused(server: Server) -> None:
    body = {"inputs": [sent("x", [1], "FP32", [1])]}
    assert "option 'k'" in error(server.client.post("/v2/models/adds/infer?k=1", json=body), 422)
    more = {**body, "input": []}
    assert "'input' is nothing" in error(server.client.post("/v2/models/adds/infer", json=more), 422)
    assert "no form" in error(server.client.post("/v2/models/adds/infer", files={"x": b"1"}), 415)
    answer = server.client.post("/v2/models/nothing/infer", json=body)
    assert (answer.status_code, answer.json()["error"]) == (404, answer.json()["detail"])


def test_a_model_that_fails_says_so_in_the_words_of_the_protocol(server: Server) -> None:
    assert error(infer(server, "fails", sent("x", [1], "FP64", [0])), 418) == "I am a teapot"
    assert error(infer(server, "fails", sent("x", [1], "FP64", [2])), 500) == "the secret of the model"
    server.wait_for_log("the secret of the model")
    assert error(infer(server, "fails", sent("x", [1], "BYTES", ["one"]))).startswith("x: ")


# -- bytes behind the JSON ---------------------------------------------------------------------------


def binary(server: Server, head: dict[str, Any], behind: bytes, length: str = "") -> httpx.Response:
    said = json.dumps(head).encode()
    fields = {"Inference-Header-Content-Length": length or str(len(said))}
    return server.client.post("/v2/models/adds/infer", content=said + behind, headers=fields)


def of_bytes(size: Any, shape: list[int], datatype: str = "FP32") -> dict[str, Any]:
    one = {"name": "x", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
    return {"inputs": [one]}


@pytest.mark.parametrize(
    ("head", "behind", "length", "words"),
    [
        (of_bytes(8, [2]), bytes(4), "", "binary_data_size is 8, and 4 bytes are left"),
        (of_bytes(4, [2]), bytes(4), "", "has 8 bytes, and its binary_data_size is 4"),
        (of_bytes(4, [1]), bytes(8), "", "4 bytes stand behind the last tensor"),
        (of_bytes(-1, [1]), bytes(4), "", "binary_data_size is -1"),
        (of_bytes("4", [1]), bytes(4), "", "binary_data_size is '4'"),
        (of_bytes(4, [1 << 62, 2]), bytes(4), "", "larger than any tensor"),
        (of_bytes(4, [1]), bytes(4), "999999", "at most that of the body"),
        (of_bytes(4, [1]), bytes(4), "-1", "must be the length of the JSON"),
        (of_bytes(4, [1]), bytes(4), "1e2", "must be the length of the JSON"),
        (of_bytes(4, [1]), bytes(4), "10", "valid JSON"),
        (of_bytes(6, [1], "BYTES"), struct.pack("<I", 9) + b"ab", "", "end within an element"),
        (of_bytes(3, [1], "BYTES"), b"abc", "", "end within an element"),
        (of_bytes(4, [2], "BYTES"), struct.pack("<I", 0), "", "has 2 elements, and its data 1"),
        (of_bytes(1 << 20, [1], "BYTES"), bytes(1 << 20), "", "has 1 elements, and its data more"),
        (of_bytes(1 << 17, [1 << 17], "BOOL"), bytes((1 << 17) - 1) + b"\2", "", "the byte 0 or 1"),
        (of_bytes(1, [1], "BOOL"), b"\2", "", "an element of BOOL is the byte 0 or 1"),
    ],
)
def test_malformed_bytes_are_refused(
    server: Server, head: dict[str, Any], behind: bytes, length: str, words: str
) -> None:
    assert words in error(binary(server, head, behind, length))


def test_what_is_malformed_costs_no_memory_beside_its_body(server: Server) -> None:
    workers = psutil.Process(server.process.pid).children(recursive=True)

    def most() -> dict[int, int]:
        texts = {one.pid: Path(f"/proc/{one.pid}/status").read_text() for one in workers}
        return {pid: int(text.partition("VmHWM:")[2].split()[0]) >> 10 for pid, text in texts.items()}

    before, count = most(), 100_000
    elements = struct.pack("<Ic", 1, b"a") * (4 << 20)  # each would take 42 bytes
    said = error(binary(server, of_bytes(len(elements), [1], "BYTES"), elements))
    assert "has 1 elements, and its data more" in said
    deep = {"inputs": [sent("x", [count, *[1] * 31], "BYTES", ["a"] * count)]}  # 3 million lists of 64 bytes
    assert "lists in lists" in error(server.client.post("/v2/models/adds/infer", json=deep))
    hollow = {"inputs": [sent("points", [1 << 20, 0], "FP32", [])]}
    assert "lists in lists" in error(server.client.post("/v2/models/plain/infer", json=hollow))
    grown = {pid: megabytes - before[pid] for pid, megabytes in most().items()}
    assert max(grown.values()) < 80, grown


def test_bf16_is_read(server: Server) -> None:
    numbers = [1.0, -2.5]
    behind = b"".join(struct.pack("<f", one)[2:] for one in numbers)
    answer = binary(server, of_bytes(4, [2], "BF16"), behind).json()
    assert answer["outputs"][0]["data"] == [2.0, -1.5]


def test_a_large_tensor_comes_as_a_file_and_goes_as_bytes(client: Any) -> None:
    array = numpy.arange(1 << 20, dtype="f4")
    found = client.infer("adds", [tensor("x", array)], outputs=[triton.InferRequestedOutput("sum")])
    assert numpy.array_equal(found.as_numpy("sum"), array + 1)
