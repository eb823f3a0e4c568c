"""With --hide-model-errors the words of a model's exception are in the server's log and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from job_calls import ended, events, log, predict, train
from serving import Server, serving

SECRET = "the password is swordfish"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    options = ("--hide-model-errors", "--allow-private-callbacks", "--callback-ports", "1024-65535")
    with serving("works=trainable:Works", "sums=batch_models:Sums", *options) as running:
        yield running


class Hook:
    """Gets one webhook."""

    def __init__(self) -> None:
        self.body = ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = 20
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.handle_request)
        self._thread.start()

    def wait(self) -> str:
        self._thread.join()
        self._server.server_close()
        return self.body


def test_the_words_of_a_failure_are_hidden_wherever_a_client_looks(server: Server) -> None:
    client = server.client
    hook = Hook()
    job_id = train(client, "fail", text=SECRET)
    headers = {"Job-Callback-Url": hook.url}
    told = predict(client, "fail", headers=headers, text=SECRET)
    assert ended(client, job_id)["error"] == "the model failed"
    shown = client.get(f"/v2/models/works/train/{job_id}").json()
    assert (shown["status"], shown["message"]) == ("error", "the model failed")
    assert events(client, job_id)[-1]["error"] == "the model failed"
    assert log(client, job_id) == []  # the traceback would tell the words, too
    assert ended(client, told)["error"] == "the model failed"
    assert "the model failed" in client.get(f"/v2/jobs/{told}/result").json()["detail"]
    body = {"do": "fail", "text": SECRET}
    waited = client.post("/v2/models/works/predict/", json=body, headers={"Prefer": "wait=30"})
    at_once = client.post("/v2/models/works/predict/", json=body)
    assert waited.status_code == at_once.status_code == 500
    assert waited.json()["detail"] == at_once.json()["detail"] == "the model failed"
    hooked = hook.wait()
    assert "the model failed" in hooked
    arguments = f'"text":"{SECRET}"'  # what the client itself has sent
    assert SECRET not in hooked.replace(arguments, "")
    server.wait_for_log(rf"job {job_id} failed: {SECRET}")
    server.wait_for_log(rf"ValueError: {SECRET}")


def test_the_reason_of_a_status_500_is_hidden_with_its_words(server: Server) -> None:
    body = {"do": "refuse", "text": SECRET, "number": 500}
    for headers in ({}, {"Prefer": "wait=30"}):
        answer = server.client.post("/v2/models/works/predict/", json=body, headers=headers)
        assert (answer.status_code, answer.reason_phrase) == (500, "Internal Server Error")
        assert SECRET not in answer.text
    found = server.client.get(answer.headers["content-location"].removesuffix("/result")).json()
    assert (found["reason"], found["error"]) == ("Internal Server Error", "the model failed")


def test_what_the_model_says_by_an_http_error_is_meant_for_clients(server: Server) -> None:
    job_id = predict(server.client, "refuse", text="no such thing", number=404)
    found = ended(server.client, job_id)
    assert (found["error"], found["status"]) == ("no such thing", 404)


def test_the_words_of_rows_that_fail_are_hidden(server: Server) -> None:
    client = server.client
    for rows, state, error in (
        (b"a\n1\n13\n", "succeeded", None),
        (b"a\n13\n", "failed", "the model failed"),
    ):
        answer = client.post(
            "/v2/models/sums/predict/batch", content=rows, headers={"content-type": "text/csv"}
        )
        job_id = answer.json()["id"]
        found = ended(client, job_id)
        assert (found["state"], found["error"]) == (state, error)
        assert log(client, job_id) == []
        server.wait_for_log(rf"job {job_id}.* failed")
        if state == "succeeded":
            assert client.get(f"/v2/jobs/{job_id}/result").json()["errors"][0]["detail"] == "the model failed"
            content = client.get(f"/v2/jobs/{job_id}/artifacts/predictions.csv").text
            assert content == "prediction.sum,prediction.note,error\n2.0,,\n,,the model failed\n"
            server.wait_for_log("ValueError: 13 is unlucky")
