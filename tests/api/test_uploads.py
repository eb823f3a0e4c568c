"""Uploads: how they arrive, and that nothing is left of them, whatever happened."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from serving import Server
from v2_target import Predict, predictions, problem

from modelport.contract.deepaas_values import AS_A_FILE


def files_of_requests(spool: Path) -> list[Path]:
    """What lies in the folders of requests; the temporary files of models are their own."""
    found = [Path(folder) / name for folder, _, names in os.walk(spool) for name in names]
    return [path for path in found if not any(part.startswith("tmp-") for part in path.parts)]


def wait_until_empty(spool: Path, seconds: float = 60.0) -> None:
    """Wait until no file of a request is left: they go once the answer is on its way."""
    deadline = time.monotonic() + seconds
    while found := files_of_requests(spool):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def test_every_idiom_of_a_file_field(predict: Predict, spool: Path) -> None:
    parts = [
        ("data", ("a b.txt", b"A", "text/plain")),
        ("new_style", ("../../b.bin", b"B", "application/x-own")),
        ("raw", ("é☃.txt", b"C")),
        ("several", ("d", b"D", "text/plain")),
        ("several", ("e", b"E", "text/plain")),
    ]
    shown = predictions(predict("uploads", files=parts, data={"note": "mixed"}))
    assert shown["note"] == "mixed"
    assert sorted(shown["contents"]) == ["A", "B", "C", "D", "E"]
    [data] = shown["files"]["data"]
    assert set(data) == {"name", "filename", "content_type", "original_filename"}
    assert (data["name"], data["content_type"], data["original_filename"]) == (
        "data",
        "text/plain",
        "a b.txt",
    )
    on_disk = Path(data["filename"])
    assert on_disk.is_absolute()
    assert on_disk.suffix == ".txt"
    assert [f["original_filename"] for f in shown["files"]["several"]] == ["d", "e"]
    [new_style] = shown["files"]["new_style"]
    assert Path(new_style["filename"]).is_relative_to(spool)
    [raw] = shown["files"]["raw"]
    assert raw["original_filename"] == "é☃.txt"
    wait_until_empty(spool)


def test_a_file_may_be_left_out_and_one_is_a_list_of_one(predict: Predict) -> None:
    assert predictions(predict("uploads"))["contents"] == []
    shown = predictions(predict("uploads", files={"several": ("d", b"D")}))
    assert shown["contents"] == ["D"]


def test_text_is_no_file(predict: Predict) -> None:
    answer = predict("uploads", data={"data": "text", "several": "text"})
    assert answer.status_code == 422
    said = answer.json()
    assert said["data"] == ["Not a valid file.", AS_A_FILE.format("data")]
    assert said["several"] == {"0": ["Not a valid file."], "_schema": [AS_A_FILE.format("several")]}


@pytest.mark.parametrize("given", ["", "dGV4dA==", "data:text/plain,x", None, 5])
def test_a_file_in_json_is_told_of(predict: Predict, given: Any) -> None:
    """As in DEEPaaS, a file is read from forms alone; and nothing that was sent is passed over in silence."""
    answer = predict("uploads", json={"data": given})
    assert predictions(answer)["contents"] == []
    told = "argument 'data' was ignored, which is read from a file of a form only"
    assert told in answer.headers["warning"]


def test_a_file_that_nobody_chose_is_not_given(predict: Predict) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="data"; filename=""\r\n\r\n\r\n--b--\r\n'
    form = {"content": body, "headers": {"content-type": "multipart/form-data; boundary=b"}}
    optional = predict("uploads", **form)
    assert predictions(optional)["contents"] == []
    assert "warning" not in optional.headers
    required = predict("legacy-file", **form)
    assert (required.status_code, required.json()) == (422, {"data": ["Missing data for required field."]})


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("then", ["answer", "raise", "exit", "stream", "return", "invalid"])
def test_no_upload_outlives_its_request(
    predict: Predict, site: Server, spool: Path, then: str, size: int
) -> None:
    start = len(site.lines)
    data = {"then": then} | ({"several": "text"} if then == "invalid" else {})
    answer = predict("uploads", files={"data": ("data.txt", b"x" * size)}, data=data)
    if then in ("raise", "exit"):
        problem(answer, 500)
    else:
        assert answer.status_code == (422 if then == "invalid" else 200), answer.text[:200]
    if then == "return":
        assert answer.content == b"x" * size
    if then != "invalid":
        found = site.wait_for_log(r"file (\S+) exists (True|False)", start=start)
        assert found.group(2) == "True"
        assert Path(found.group(1)).is_relative_to(spool)
    wait_until_empty(spool)
    assert predict("uploads").status_code == 200
