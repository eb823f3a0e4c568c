"""What a server keeps of predictions, whichever way they come, and what it is told of them later."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import pytest
from serving import MODELS, Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

MODEL = f"{MODELS / 'monitored.py'}"
SERVED = (f"risk={MODEL}:Risk", f"words={MODEL}:Words", f"rows={MODEL}:Rows", f"quiet={MODEL}:Risk")
ALL = ("--log-payloads", "1", "--model", "quiet:log_payloads=0", "--model", "risk:payload_hide=note")
RISK = "/v2/models/risk/predict/"


class Site:
    """A server that asks who one is and keeps every prediction, and the keys of three."""

    def __init__(self, server: Server, data: Path):
        self.server = server
        self.data = data
        store = DatabaseKeys(Settings(data_dir=str(data)))
        keys = {
            name: store.create({"name": name, "scopes": scopes, "models": None, "expires": None})["key"]
            for name, scopes in {"ann": ["predict"], "ben": ["predict"], "sue": ["admin"]}.items()
        }
        self.ann, self.ben, self.sue = (self.client(keys[name]) for name in ("ann", "ben", "sue"))
        wait_until(lambda: self.sue.get("/v2/keys").status_code == 200, lambda: server.log)

    def client(self, key: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=30.0)

    def kept(self, request_id: str, model: str = "risk") -> dict[str, Any]:
        """What is kept of a prediction, as soon as it is."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            lines = [one for one in lines_of(self.data, model) if one["request_id"] == request_id]
            found.extend(lines)
            return bool(found)

        wait_until(is_there, lambda: f"{request_id} is not kept\n{self.server.log}")
        return found[0]


def lines_of(data: Path, model: str) -> list[dict[str, Any]]:
    """The lines that are whole."""
    whole = [
        path.read_text().rpartition("\n")[0] for path in sorted((data / "payloads" / model).glob("*.jsonl"))
    ]
    return [json.loads(line) for text in whole for line in text.splitlines()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    with serving(*SERVED, *ALL, "--auth", "on", "--data-dir", str(data)) as server:
        made = Site(server, data)
        yield made
        for client in (made.ann, made.ben, made.sue):
            client.close()


def asked(client: httpx.Client, path: str = RISK, **sent: Any) -> str:
    """The id of a prediction."""
    answer = client.post(path, **sent)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


ONE = {"amount": 120.0, "colour": "red"}


@pytest.mark.parametrize(
    "sent",
    [
        {"json": ONE},  # the fast path
        {"json": ONE, "headers": {"accept": "application/json;q=0.5"}},
        {"data": {"amount": "120.0", "colour": "red"}},
        {"files": {"amount": (None, "120.0"), "colour": (None, "red")}},
        {"params": ONE, "content": b""},
    ],
)
def test_a_prediction_is_kept_by_every_way(site: Site, sent: dict[str, Any]) -> None:
    kept = site.kept(asked(site.ann, **sent))
    told = kept["input"]
    assert (told.get("value") or told["query"]) == ONE
    assert kept["answer"]["value"] == {"risk": "high", "score": 0.6}
    assert (kept["model"], kept["version"], kept["verb"], kept["dialect"]) == ("risk", 0, "predict", "v2")
    assert (kept["status"], kept["principal"][:4]) == (200, "key:")
    assert kept["seconds"] > 0


def test_what_is_refused_is_kept_and_words_are_not(site: Site) -> None:
    answer = site.ann.post(RISK, json={"amount": "much", "note": "private"})
    assert answer.status_code == 422
    kept = site.kept(answer.headers["x-request-id"])
    assert kept["status"] == 422
    assert kept["input"]["value"] == {"amount": "much", "note": "[hidden]"}
    assert "value" not in kept["answer"]
    assert "private" not in json.dumps(kept)


def test_streams_are_told_by_their_type_and_tables_by_their_columns(site: Site) -> None:
    answer = site.ann.post("/v2/models/words/predict/", json={}, headers={"accept": "text/event-stream"})
    stream = site.kept(answer.headers["x-request-id"], "words")["answer"]
    assert stream == {"type": "text/event-stream", "bytes": 0, "left_out": "it is a stream"}
    table = ("table.csv", b"a,b\n1,x\n2,\n")
    kept = site.kept(asked(site.ann, "/v2/models/rows/predict/", files={"table": table}), "rows")
    [file] = kept["input"]["files"]
    assert (file["field"], file["bytes"]) == ("table", 11)
    assert file["value"]["columns"]["a"] == [1, 2]
    picture = ("a.png", b"\x89PNG", "image/png")
    answer = site.ann.post("/v2/models/rows/predict/", files={"table": picture})
    [file] = site.kept(answer.headers["x-request-id"], "rows")["input"]["files"]
    assert "value" not in file


def test_jobs_are_kept_under_their_ids(site: Site) -> None:
    answer = site.ann.post(RISK, json=ONE, headers=job_calls.ASYNC)
    assert answer.status_code == 202
    kept = site.kept(answer.json()["id"])
    assert (kept["input"]["value"], kept["answer"]["value"]["risk"]) == (ONE, "high")


def test_a_model_for_which_it_is_off_keeps_nothing(site: Site) -> None:
    asked(site.ann, "/v2/models/quiet/predict/", json=ONE)
    site.kept(asked(site.ann, json=ONE))  # which came later
    assert not (site.data / "payloads" / "quiet").exists()


# -- feedback ------------------------------------------------------------------------------------------


def give(client: httpx.Client, body: Any, model: str = "risk") -> httpx.Response:
    return client.post(f"/v2/models/{model}/feedback", json=body)


def test_a_truth_is_kept_once(site: Site) -> None:
    truth = {"request_id": asked(site.ann, json=ONE), "truth": "low"}
    assert give(site.ann, truth).json() == {"kept": 1, "known": 0, "waiting": 0, "refused": []}
    assert give(site.ann, truth).json() == {"kept": 0, "known": 1, "waiting": 0, "refused": []}
    assert give(site.ann, truth | {"truth": "high"}).json()["kept"] == 1  # a correction


def test_a_truth_is_told_by_who_has_asked_or_may_read_all(site: Site) -> None:
    truth = {"request_id": asked(site.ann, json=ONE), "truth": "low"}
    refused = give(site.ben, truth)
    assert refused.status_code == 403
    assert give(site.sue, truth).json()["kept"] == 1
    many = give(site.ben, {"feedback": [truth, {"request_id": "none", "truth": 1}]}).json()
    reasons = [(one["request_id"], one["reason"]) for one in many["refused"]]
    assert reasons == [("none", "unknown"), (truth["request_id"], "not yours")]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"request_id": "none", "truth": 1}, 404, "too old"),
        ({"request_id": "none"}, 422, "request_id and truth"),
        ({"feedback": []}, 422, "1 to 500"),
        ({"feedback": [{"request_id": "none", "truth": 1}], "truth": 1}, 422, "one of them"),
        ({"request_id": "", "truth": 1}, 422, "request_id"),
        ({"request_id": "none", "truth": "x" * 70_000}, 413, "larger"),
    ],
)
def test_what_is_no_feedback_is_refused(site: Site, body: Any, status: int, words: str) -> None:
    answer = give(site.ann, body)
    assert answer.status_code == status, answer.text
    assert words in answer.text


def test_a_truth_of_another_shape_than_its_answer_is_refused_in_words(site: Site) -> None:
    right, wrong = (asked(site.ann, json=ONE) for _ in range(2))
    refused = give(site.ann, {"request_id": wrong, "truth": ["low", "high"]})
    assert refused.status_code == 422
    said = "it is a list of 2, and the answer is an object of risk, score"
    assert said in refused.json()["detail"]
    given = [{"request_id": right, "truth": "low"}, {"request_id": wrong, "truth": {"rsik": "low"}}]
    many = give(site.ann, {"feedback": given}).json()
    assert many["kept"] == 1
    [one] = many["refused"]
    assert (one["request_id"], one["reason"]) == (wrong, "unlike the answer")
    assert "it is an object of rsik, and the answer is an object of risk, score" in one["words"]


def test_payloads_are_removed_by_administrators(site: Site) -> None:
    path = "/v2/models/rows/payloads"
    asked(site.ann, "/v2/models/rows/predict/", files={"table": ("table.csv", b"a\n1\n")})
    assert site.ann.delete(path).status_code == 403
    assert site.sue.delete(path, params={"older_than": "1d"}).json() == {"files": 0, "bytes": 0}
    assert site.sue.delete(path).json()["files"] == 1
    assert not list((site.data / "payloads" / "rows").glob("*.jsonl"))
    records = site.sue.get("/v2/audit").json()["records"]
    assert records[0]["action"] == "payloads.prune"


@pytest.mark.slow
def test_a_killed_server_has_kept_what_was_answered(tmp_path: Path) -> None:
    with serving(SERVED[0], "--log-payloads", "1", "--data-dir", str(tmp_path)) as server:
        ids = [asked(server.client, json=ONE)]
        wait_until(lambda: bool(lines_of(tmp_path, "risk")), lambda: server.log)
        ids += [asked(server.client, json=ONE) for _ in range(30)]
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        lost = wait_for_lines(tmp_path, ids)
    assert lost == ids[len(ids) - len(lost) :]  # the last ones, which were on their way to the keeper
    with serving(SERVED[0], "--log-payloads", "1", "--data-dir", str(tmp_path)) as server:
        body = {"feedback": [{"request_id": one, "truth": "low"} for one in ids]}
        answer = server.client.post("/v2/models/risk/feedback", json=body).json()
        assert [one["request_id"] for one in answer["refused"]] == lost
    ended = lines_of(tmp_path, "risk")
    assert len(ended) == len(ids) - len(lost)


def wait_for_lines(data: Path, ids: list[str]) -> list[str]:
    """The ids that are not in the log, when its keeper has ended."""
    lock = data / "payloads" / "lock"

    def is_free() -> bool:
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return bool(lines_of(data, "risk"))
        except (BlockingIOError, FileNotFoundError):  # it has not ended, or not begun
            return False

    wait_until(is_free, lambda: "the keeper goes on")
    kept = {line["request_id"] for line in lines_of(data, "risk")}
    return [one for one in ids if one not in kept]


def test_without_it_nothing_is_there(tmp_path: Path) -> None:
    with serving(SERVED[0], "--data-dir", str(tmp_path)) as server:
        request_id = asked(server.client, json=ONE)
        refused = server.client.post(
            "/v2/models/risk/feedback", json={"request_id": request_id, "truth": "low"}
        )
        assert (refused.status_code, "log_payloads" in refused.text) == (404, True)
        report = server.client.get("/v2/models/risk/monitoring").json()
        assert (report["versions"], report["verdict"]) == ([], "unknown")
        assert "log_payloads is 0" in report["log"]["words"]
        assert server.client.delete("/v2/models/risk/payloads").json() == {"files": 0, "bytes": 0}
    assert not (tmp_path / "payloads").exists()
