"""What a server logs: lines that programs read, of each request one, which nobody forges."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from serving import MODELS, Server, serving, start, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.security.log_floods import MOST_LINES, SECONDS
from modelport.settings import Settings

PREDICT = "/v2/models/echo/predict"
SOURCE = f"echo={MODELS / 'talking.py'}:Talking"
COMMON = re.compile(
    r'(\S+) - (\S+) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "(.*?)" (\d{3}) (\d+) ([\d.]+) (.*)'
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def key(data: Path) -> str:
    keys = DatabaseKeys(Settings(data_dir=str(data)))
    return keys.create({"name": "ci", "scopes": ["admin"], "models": None, "expires": None})["key"]


@pytest.fixture(scope="module")
def server(data: Path, key: str) -> Iterator[Server]:
    options = ("--log-format", "json", "--access-log", "json", "--access-log-file", str(data / "access"))
    with serving(*options, "--auth", "on", "--data-dir", str(data), SOURCE) as made:
        made.client.headers["x-api-key"] = key
        yield made


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def accessed(data: Path, request_id: str) -> dict[str, Any]:
    """The line of this request in the access log, once it is there."""
    path = data / "access"

    def found() -> list[dict[str, Any]]:
        return [line for line in objects(path.read_text()) if line["request_id"] == request_id]

    wait_until(lambda: len(found()) > 0, path.read_text)
    [line] = found()
    return line


def test_each_request_is_a_line_with_who_asked_what_and_how_it_went(server: Server, data: Path) -> None:
    answer = server.client.post(PREDICT, json={"text": ""}, headers={"x-request-id": "its-own"})
    line = accessed(data, answer.headers["x-request-id"])
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert 0 < line.pop("seconds") < 30
    assert line.pop("principal").startswith("key:")
    del line["request_id"]
    assert line == {
        "logger": "modelport.access",
        "level": "info",
        "message": f"POST {PREDICT} 200",
        "client": "127.0.0.1",
        "method": "POST",
        "path": PREDICT,
        "status": 200,
        "bytes": len(answer.content),
        "name": "ci",
        "route": "/v2/models/{model}/predict/",
        "model": "echo",
        "verb": "predict",
        "dialect": "v2",
        "bytes_in": len(answer.request.content),
        "client_request_id": "its-own",
    }


def test_lines_of_predictions_that_are_alike_differ_in_what_does(server: Server, data: Path) -> None:
    fields = {"x-request-id": '100%s"\\{0}'}
    answers = [server.client.post(PREDICT, json={"text": ""}, headers=fields) for _ in range(4)]
    lines = [accessed(data, answer.headers["x-request-id"]) for answer in answers]
    for line in lines:
        assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
        assert 0 < line.pop("seconds") < 30
        assert line["bytes_in"] == len(answers[0].request.content)
        assert line["client_request_id"] == fields["x-request-id"]
    assert len({line.pop("request_id") for line in lines}) == len(lines)
    assert all(list(line.items()) == list(lines[0].items()) for line in lines)


@pytest.mark.parametrize("path", ["/v2/models", "/v2/nowhere", "/v2/models/echo", "/docs", "/v2/health/live"])
def test_every_answer_has_the_id_of_its_line(server: Server, data: Path, path: str) -> None:
    answer = server.client.get(f"{path}?token=a-secret")
    line = accessed(data, answer.headers["x-request-id"])
    assert (line["path"], line["status"]) == (path, answer.status_code)
    assert "a-secret" not in (data / "access").read_text()


def test_no_path_and_no_id_forges_a_line(server: Server, data: Path) -> None:
    forged = '/a%22%0a{"time":0}%e2%80%a8%1b[31m%0d' + "x" * 3000
    answer = server.client.get(forged, headers={"x-request-id": "no id, by its spaces"})
    line = accessed(data, answer.headers["x-request-id"])
    assert line["path"].startswith('/a"\\x0a{"time":0}\\x2028\\x1b[31m\\x0dxxx')
    assert line["path"].endswith(" [cut]")
    assert "client_request_id" not in line


def test_the_log_is_an_object_a_line_and_names_request_and_principal(server: Server) -> None:
    answer = server.client.post(PREDICT, json={"fail": "line one\nline two \u2028"})
    assert answer.status_code == 500
    request_id = answer.headers["x-request-id"]
    server.wait_for_log(f'"request_id":"{request_id}"')
    lines = objects(server.log)
    [line] = [line for line in lines if line.get("request_id") == request_id]
    assert (line["level"], line["logger"], line["model"]) == ("error", "modelport.api", "echo")
    assert line["principal"].startswith("key:")
    assert "line one\n" in line["message"]
    assert "\u2028" not in line["message"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"]) for one in lines)
    assert any(one["message"].startswith("serving echo on") for one in lines)


def test_what_strangers_send_fills_no_log(server: Server) -> None:
    place = server.client.base_url
    begun = monotonic()
    for _ in range(3 * MOST_LINES):
        with socket.create_connection((place.host, place.port or 80), 30.0) as line:
            line.sendall(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(12) == b"HTTP/1.1 400"
    server.wait_for_log("refused a request")
    assert server.client.get("/v2/models").status_code == 200
    stretches = (monotonic() - begun) // SECONDS + 2  # that it has taken a part of, at most
    assert server.log.count("refused a request") <= stretches * MOST_LINES


def test_the_access_log_is_opened_anew_by_a_signal(server: Server, data: Path) -> None:
    path = data / "access"
    wait_until(path.exists, lambda: "there is no access log")
    path.rename(data / "access.1")
    server.process.send_signal(signal.SIGHUP)
    wait_until(path.exists, lambda: "it was not opened anew")
    answer = server.client.get("/v2/models")
    assert accessed(data, answer.headers["x-request-id"])["status"] == 200


def test_lines_for_people_are_of_the_common_log_format() -> None:
    with serving("--access-log", "line", SOURCE) as server:
        server.client.get('/v2/models/"echo"')
        server.client.get("/v2/models/x%0a10.0.0.9%20-%20root%1b[31m/ready?a=1")  # which is open to anybody
        server.client.get("/v2/models/mpr_a-b.c_d/eyJhbGciO.eyJzdWI.x-y/mpk_01234567890/whsec_ab%2fc=")
        answer = server.client.post(PREDICT, json={"text": ""})
        server.wait_for_log("POST")
        found = [COMMON.fullmatch(line.rstrip("\n")) for line in server.lines if '"POST' in line]
    request_id = answer.headers["x-request-id"]
    assert found[0] is not None, server.log
    client, who, _, asked, status, size, _, rest = found[0].groups()
    assert (client, who, asked, status) == ("127.0.0.1", "-", f"POST {PREDICT}", "200")
    assert (int(size), rest) == (len(answer.content), f"echo 0 predict v2 {request_id} -")
    assert '"GET /v2/models/\\"echo\\"" 404' in server.log
    assert '"GET /v2/models/x\\\\x0a10.0.0.9 - root\\\\x1b[31m/ready" 404' in server.log
    assert not any(line.startswith("10.") for line in server.lines)
    assert "\x1b" not in server.log
    assert '"GET /v2/models/mpr_***/eyJhbGc***/mpk_01234567***/whsec_***" 404' in server.log


def test_lines_for_people_do_not_stand_among_objects() -> None:
    process = start("--access-log", "line", "--log-format", "json", SOURCE)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 2
    assert "give it a file of its own by access_log_file" in said


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    process = start("--access-log", "json", "--access-log-file", str(tmp_path / "none" / "log"), SOURCE)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 4
    assert "No such file or directory; --access-log-file names another" in said


def test_what_a_model_says_is_told_of_its_request_and_principal(server: Server) -> None:
    first = server.client.post(PREDICT, json={"text": "one \u001e0 #1 forged\u001f"}).headers["x-request-id"]
    second = server.client.post(PREDICT, json={"text": "two"}).headers["x-request-id"]
    server.wait_for_log("written two")
    said = [line for line in objects(server.log) if line["logger"] == "modelport.model"]
    of_two = [line for line in said if "two" in line["message"]]
    assert [(line["message"], line.get("request_id")) for line in of_two] == [
        ("echo: printed two", second),
        ("echo: logged two", second),
        ("echo: threaded two", None),  # by a thread that belongs to no call
        ("echo: half of two", second),
        ("echo: written two", None),  # past Python's streams
    ]
    assert {line.get("principal", "")[:4] for line in of_two if line.get("request_id")} == {"key:"}
    assert len({line["worker"] for line in said}) == 1
    assert {line["model"] for line in said} == {"echo"}
    forged = [line for line in said if "printed one" in line["message"]]
    assert [line["request_id"] for line in forged] == [first]


@pytest.mark.parametrize("model", ["Together", "InThreads"])
def test_calls_side_by_side_never_share_a_line(tmp_path: Path, model: str) -> None:
    go_on = tmp_path / "go-on"
    with serving("--log-format", "json", f"echo={MODELS / 'talking.py'}:{model}") as server:
        texts = [f"call {number}" for number in range(5)]
        with ThreadPoolExecutor(len(texts)) as clients:

            def ask(text: str) -> str:
                answer = server.client.post(PREDICT, json={"text": text, "go_on": str(go_on)})
                return answer.headers["x-request-id"]

            asked = [clients.submit(ask, text) for text in texts]
            # The line of each that began was ended by the next one.
            wait_until(lambda: server.log.count("begins") == len(texts) - 1, lambda: server.log)
            go_on.touch()
            ids = {text: one.result() for text, one in zip(texts, asked, strict=True)}
        for text in texts:
            server.wait_for_log(f"{text} ends")
        said = [line for line in objects(server.log) if line["logger"] == "modelport.model"]
    for text, request_id in ids.items():
        of_it = [line["message"] for line in said if line.get("request_id") == request_id]
        assert of_it == [f"echo: {text} begins", f"echo: {text} ends"]


def test_what_an_asked_model_says_is_told_of_the_request_that_it_is_for() -> None:
    sources = (f"asks={MODELS / 'talking.py'}:Asks", SOURCE)
    with serving("--log-format", "json", *sources) as server:
        answer = server.client.post("/v2/models/asks/predict", json={"text": "here"})
        assert answer.status_code == 200, answer.text
        server.wait_for_log("written here")
        said = [line for line in objects(server.log) if line["message"] == "echo: printed here"]
    assert [line["request_id"] for line in said] == [answer.headers["x-request-id"]]


def test_lines_for_people_name_the_request(tmp_path: Path) -> None:
    with serving(SOURCE) as server:
        request_id = server.client.post(PREDICT, json={"text": "hello"}).headers["x-request-id"]
        server.wait_for_log(rf"INFO    modelport.model: \[{request_id}\] echo: printed hello\n")


def test_no_secret_that_a_server_was_given_is_in_what_it_says(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = DatabaseKeys(Settings(data_dir=str(data)))
    own = keys.create({"name": "own", "scopes": ["admin"], "models": None, "expires": None})["key"]
    secrets = [
        own[12:],
        "dGhlIHNlY3JldCBvZiB0aGVzZSB3ZWJob29rcywgMzI=",
        "a-session-cookie",
        "a-query-token",
        "a-password-of-a-url",
        "a-password-of-basic",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"[20:],
        "a-variable-of-models",
    ]
    access = tmp_path / "access"
    options = ("--debug", "--log-format", "json", "--access-log", "json", "--access-log-file", str(access))
    settings = (
        "--auth",
        "on",
        "--data-dir",
        str(data),
        "--environment",
        f"TOKEN={secrets[7]}",
        "--traces",
        "off",
    )
    with serving(*options, *settings, SOURCE, MODELPORT_WEBHOOK_SECRET=f"whsec_{secrets[1]}") as server:
        key = {"x-api-key": own}
        tried = [
            key,
            {"authorization": f"Bearer {own}"},
            {"authorization": f"Bearer {own[:-1]}0"},
            {"authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"},
            {"authorization": f"Basic {secrets[5]}"},
            {**key, "cookie": f"session={secrets[2]}"},
        ]
        url = f"http://someone:{secrets[4]}@127.0.0.1:1/hook"
        for headers in tried:
            server.client.get(f"/v2/models?token={secrets[3]}", headers=headers)
            server.client.get(f"/v2/{own}", headers=headers)
            server.client.post(PREDICT, json={"text": own, "fail": f"{own} at {url}"}, headers=headers)
            server.client.post(PREDICT, data={"text": url}, headers=headers)
            server.client.post(
                f"{PREDICT}?token={secrets[3]}", json={}, headers={**headers, "job-callback-url": url}
            )
        answer = server.client.get("/v2/models", headers=key)
        server.wait_for_log("written http")
        server.stop()
    said = server.log + access.read_text()
    assert answer.headers["x-request-id"] in said
    assert '"level":"error"' in said
    assert [secret for secret in secrets if secret in said] == []
