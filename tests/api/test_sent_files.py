"""Files without a form: base64 and data URIs in JSON, and the whole body of a request."""

from __future__ import annotations

import base64
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from serving import Server
from test_typed_arguments import PNG
from test_uploads import wait_until_empty
from v2_target import Predict, predictions, problem

from modelport.contract.kinds import NOT_A_FILE

BASE64 = base64.b64encode(PNG).decode()
LOOKS = {"size": [1, 1], "note": "", "bytes": len(PNG)}


def typed(media_type: str, content: bytes | str, **more: Any) -> dict[str, Any]:
    """A request whose whole body is this."""
    return {"content": content, "headers": {"Content-Type": media_type}, **more}


@pytest.mark.parametrize(
    ("sent", "media_type", "suffix"),
    [
        (BASE64, "application/octet-stream", ".bin"),
        (
            "\r\n".join(BASE64[i : i + 20] for i in range(0, len(BASE64), 20)),
            "application/octet-stream",
            ".bin",
        ),
        (f"data:image/png;base64,{BASE64}", "image/png", ".png"),
        (f"DATA:image/png;charset=x;BASE64,{BASE64}", "image/png;charset=x", ".png"),
        ("data:image/png," + "".join(f"%{byte:02x}" for byte in PNG), "image/png", ".png"),
    ],
    ids=["base64", "in lines", "data", "with parameters", "escaped"],
)
def test_a_picture_may_stand_in_json(
    predict: Predict, spool: Path, sent: str, media_type: str, suffix: str
) -> None:
    answer = predict("eye", json={"image": sent})
    assert answer.json() == LOOKS | {"type": media_type, "suffix": suffix}
    wait_until_empty(spool)


@pytest.mark.parametrize("size", [0, 2_000_000])
def test_a_picture_may_be_the_body(predict: Predict, spool: Path, size: int) -> None:
    body = PNG + bytes(size)
    answer = predict("eye", **typed("image/png", body, params={"note": "hi"}))
    expected = {"type": "image/png", "suffix": ".png", "note": "hi", "bytes": len(body)}
    assert answer.json() == LOOKS | expected
    wait_until_empty(spool)


@pytest.mark.parametrize("request_", [{"json": {"image": BASE64, "note": "raise"}},
                                      typed("image/png", PNG, params={"note": "raise"})])  # fmt: skip
def test_nothing_is_left_of_a_file_whose_prediction_fails(
    predict: Predict, spool: Path, request_: dict[str, Any]
) -> None:
    problem(predict("eye", **request_), 500)
    wait_until_empty(spool)


def test_files_of_one_batch_are_kept_apart(predict: Predict, spool: Path) -> None:
    requests = [typed("text/markdown", f"text {n}") for n in range(8)]
    requests += [{"json": {"file": base64.b64encode(f"text {n}".encode()).decode()}} for n in range(8)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda request: predict("together", **request), requests))
    assert [answer.json() for answer in answers] == [f"text {n}" for n in range(8)] * 2
    wait_until_empty(spool)


def test_several_files_may_stand_in_json(predict: Predict) -> None:
    sent = {"one": "data:,a%20b", "more": ["Yw==", "data:text/html,d"]}
    octets = "application/octet-stream"
    shown = [["text/plain;charset=US-ASCII", "a b"], [octets, "c"], ["text/html", "d"]]
    assert predict("several", json=sent).json() == shown
    assert predict("several", json={"one": None, "more": []}).json() == []


@pytest.mark.parametrize(
    "sent",
    ["", "photo.png", "Yw", "data:image/png;base64,%", "data:image/png", 5, ["Yw=="], {"a": "Yw=="}],
    ids=repr,
)
def test_what_is_no_file_is_told_how_to_send_one(predict: Predict, sent: Any) -> None:
    answer = predict("eye", json={"image": sent})
    assert (answer.status_code, answer.json()) == (422, {"image": [NOT_A_FILE]})
    for word in ("multipart/form-data", "base64", "data: URI", "Content-Type"):
        assert word in NOT_A_FILE


@pytest.mark.parametrize(
    ("model", "request_", "status", "words"),
    [
        ("several", typed("image/png", PNG), 415, "could be any of the files one, more"),
        ("eye", {"content": PNG}, 415, "say what image is, such as image/png"),
        ("eye", typed("text/plain", '{"note": "x"}'), 415, "the body is JSON"),
        ("eye", typed("text/plain", "note=x"), 415, "say what image is, such as image/png"),
        ("eye", typed("application/x-www-form-urlencoded", PNG), 400, "has its own Content-Type"),
        ("kinds", typed("image/png", PNG), 415, "is not read here"),
    ],
    ids=["several files", "no type", "JSON", "arguments", "a form", "no files"],
)
def test_a_body_that_is_no_file_says_why(
    predict: Predict, model: str, request_: dict[str, Any], status: int, words: str
) -> None:
    assert words in problem(predict(model, **request_), status)["detail"]


def test_a_body_goes_with_its_query_only(predict: Predict) -> None:
    answer = predict("eye", **typed("image/png", PNG, params={"image": "x"}))
    assert answer.json() == {"image": ["It came twice: in the query string and as the body."]}
    answer = predict("eye", **typed("image/png", PNG, params={"nota": "x"}))
    assert answer.json() == {"nota": ["Unknown argument; did you mean 'note'?"]}


def test_a_body_is_what_the_argument_takes(predict: Predict) -> None:
    assert predict("eye", **typed("image/png", b"no picture")).json() == {"image": ["Not a valid image."]}
    answer = predict("rows", **typed("text/csv", "a,b\n1,x\n"))
    assert predictions(answer) == [["a", "b"], [[1, "x"]]]
    answer = predict("legacy-file", **typed("text/html", "hello", params={"k": "2"}))
    assert predictions(answer) == ["text/html", "hello", 2]


@pytest.mark.parametrize(
    "request_", [{"json": {"image": BASE64}}, typed("image/png", PNG)], ids=["json", "body"]
)
def test_a_job_takes_them_too(site: Server, spool: Path, request_: dict[str, Any]) -> None:
    started = site.client.post("/v2/models/eye/train/", **request_).json()
    path = f"/v2/models/eye/train/{started['uuid']}"
    deadline = time.monotonic() + 60
    while (shown := site.client.get(path).json())["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert shown["result"]["output"] == [1, 1], shown
    wait_until_empty(spool)


def test_the_documents_say_so(site: Server) -> None:
    paths = site.client.get("/openapi.json").json()["paths"]

    def content(model: str) -> dict[str, Any]:
        return paths[f"/v2/models/{model}/predict/"]["post"]["requestBody"]["content"]

    of_eye = content("eye")
    assert list(of_eye) == ["multipart/form-data", "application/json", "image/*"]
    image = of_eye["application/json"]["schema"]["properties"]["image"]
    assert (image["contentEncoding"], image.get("format")) == ("base64", None)
    assert of_eye["multipart/form-data"]["schema"]["properties"]["image"]["format"] == "binary"
    more = content("several")["application/json"]["schema"]["properties"]["more"]
    assert more["items"] == {"type": "string", "contentEncoding": "base64"}
    assert not {"image/*", "application/octet-stream"} & set(content("several"))
    assert "application/octet-stream" in content("legacy-file")
    assert "text/csv" in content("rows")


def test_a_large_json_is_refused_by_its_limit(predict: Predict) -> None:
    answer = predict("eye", json={"image": base64.b64encode(os.urandom(9_000_000)).decode()})
    assert "10485760 bytes" in problem(answer, 413)["detail"]
