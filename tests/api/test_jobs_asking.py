"""Asking for jobs: Prefer, Idempotency-Key, priority, webhooks, uploads, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_calls import ASYNC, Gate, ended, job, predict, reached, train
from serving import Server, serving, wait_until

SECRET = "what was uploaded"
Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def server(data: Path, spool: Path) -> Iterator[Server]:
    models = ("works=trainable:Works", "t=trainable:Trainable", "files=typed_models:Files")
    folders = ("--data-dir", str(data), "--spool-dir", str(spool))
    with serving(*models, *folders, "--job-workers", "1", "--cancel-grace", "1") as running:
        yield running


@pytest.fixture
def busy(client: httpx.Client, gate: Gate) -> Iterator[Any]:
    """The one process for jobs has something to do."""
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    yield held
    held.release()
    assert ended(client, job_id)["state"] == "succeeded"


@pytest.fixture
def post(client: httpx.Client) -> Post:
    """`post(prefer, …)`: a prediction with this Prefer header."""

    def send(prefer: str, headers: dict[str, str] = {}, **body: Any) -> httpx.Response:
        sent = {"Prefer": prefer, **headers}
        return client.post("/v2/models/works/predict/", json={"do": "echo", **body}, headers=sent)

    return send


def count(client: httpx.Client) -> int:
    """How many jobs there are."""
    return len(client.get("/v2/jobs?limit=500").json()["jobs"])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# -- Prefer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefer", ["respond-async", "Respond-Async", 'foo=1; x="y", respond-async; a=b'])
def test_respond_async_answers_202_with_the_job(client: httpx.Client, post: Post, prefer: str) -> None:
    answer = post(prefer, text="asked")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert answer.headers["location"] == f"/v2/jobs/{body['id']}" == body["links"]["self"]
    assert (body["kind"], body["state"], body["max_attempts"]) == ("predict", "queued", 3)
    assert ended(client, body["id"])["state"] == "succeeded"
    assert client.get(f"{answer.headers['location']}/result").json()["predictions"]["text"] == "asked"


def test_wait_answers_the_result_if_it_comes_in_time(client: httpx.Client, post: Post) -> None:
    answer = post("wait=30", text="now")
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=30")
    assert answer.json()["predictions"] == {"text": "now", "number": 0, "attempt": 1}
    place = answer.headers["content-location"]
    assert client.get(place).json() == answer.json()


def test_wait_answers_202_if_it_does_not(client: httpx.Client, post: Post, busy: Any) -> None:
    for prefer in ("wait=0", "respond-async, wait=0", 'wait="0"'):
        answer = post(prefer)
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        assert answer.headers["preference-applied"] == "respond-async, wait=0"
        assert client.delete(answer.headers["location"]).status_code == 200


@pytest.mark.slow
def test_wait_of_a_second(client: httpx.Client, post: Post, busy: Any) -> None:
    answer = post("wait=1")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async, wait=1")
    assert client.delete(answer.headers["location"]).status_code == 200


def test_wait_ends_when_somebody_cancels_the_job(client: httpx.Client, post: Post, busy: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        before = client.get("/v2/jobs?limit=1").json()["jobs"][0]["id"]
        waiting = pool.submit(post, "wait=30")
        while (newest := client.get("/v2/jobs?limit=1").json()["jobs"][0]["id"]) == before:
            pass
        client.delete(f"/v2/jobs/{newest}")
        answer = waiting.result()
    assert (answer.status_code, answer.json()["detail"]) == (503, "cancelled")


@pytest.mark.parametrize(
    "prefer",
    ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "wait=10000000000", "respond-asyn", ",;="],
)
def test_a_preference_that_means_nothing_is_ignored(client: httpx.Client, post: Post, prefer: str) -> None:
    before = count(client)
    answer = post(prefer, text="at once")
    assert answer.status_code == 200
    assert answer.json()["predictions"]["attempt"] == 0  # outside a job
    assert "preference-applied" not in answer.headers
    assert count(client) == before


def test_preferences_in_two_headers(client: httpx.Client, busy: Any) -> None:
    headers = [("Prefer", "return=minimal"), ("Prefer", "respond-async")]
    answer = client.post("/v2/models/works/predict/", json={}, headers=headers)
    assert answer.status_code == 202
    client.delete(answer.headers["location"])


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"do": "fail", "text": "the model is tired"}, 500, "the model is tired"),
        ({"do": "refuse", "text": "no such thing", "number": 404}, 404, "no such thing"),
    ],
)
def test_a_prediction_that_fails_in_time_answers_as_it_would_at_once(
    client: httpx.Client, post: Post, body: dict[str, Any], status: int, detail: str
) -> None:
    at_once = client.post("/v2/models/works/predict/", json=body)
    answer = post("wait=30", **body)
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    for name in ("type", "status", "detail"):
        assert answer.json()[name] == at_once.json()[name]
    assert answer.headers["content-type"] == at_once.headers["content-type"]


@pytest.mark.parametrize("words", ["modelport", "aiohttp", "werkzeug", "starlette"])
def test_an_http_error_in_time_is_answered_as_at_once(client: httpx.Client, post: Post, words: str) -> None:
    body = {"do": "refuse_in_other_words", "text": words}
    at_once = client.post("/v2/models/works/predict/", json=body)
    answer = post("wait=30", **body)
    assert answer.status_code == at_once.status_code >= 400
    assert answer.reason_phrase == at_once.reason_phrase
    assert answer.json() == at_once.json() | {"request_id": answer.headers["x-request-id"]}
    own = {"x-request-id", "date", "preference-applied", "content-location", "content-length"}
    theirs, mine = (
        sorted(pair for pair in one.headers.multi_items() if pair[0] not in own) for one in (at_once, answer)
    )
    assert mine == theirs
    assert {"retry-after", "x-who"} & set(answer.headers)
    shown = client.get(answer.headers["content-location"].removesuffix("/result")).json()
    assert (shown["state"], shown["status"]) == ("failed", at_once.status_code)
    assert shown["reason"] == at_once.json()["title"]
    assert shown["error"] == at_once.json()["detail"]


# -- refusals --------------------------------------------------------------------------------------


def test_wrong_arguments_are_refused_as_at_once_and_leave_nothing(
    client: httpx.Client, post: Post, data: Path, spool: Path
) -> None:
    before, kept = count(client), set(files(data))
    answer = post("respond-async", number="three")
    assert answer.status_code == 422
    assert answer.json() == client.post("/v2/models/works/predict/", json={"number": "three"}).json()
    upload = {"table": ("secret.csv", SECRET)}
    answer = client.post("/v2/models/works/train/", data={"number": "three"}, files=upload)
    assert answer.status_code == 422
    answer = client.post("/v2/models/works/train/", content=b"{" + b" " * 2_000_000, headers=JSON)
    assert answer.status_code in (400, 422)
    assert count(client) == before
    assert [path for path in set(files(data)) - kept if "jobs.sqlite" not in path.name] == []
    assert files(spool) == []


JSON = {"Content-Type": "application/json"}


def test_a_verb_that_the_model_does_not_have_is_501(client: httpx.Client) -> None:
    for verb in ("train", "validate"):
        answer = client.post(f"/v2/models/files/{verb}/", json={})
        assert answer.status_code == 501
        assert "Not implemented by underlying model" in answer.json()["detail"]


def test_jobs_of_unknown_models_are_404(client: httpx.Client) -> None:
    assert client.post("/v2/models/none/train/", json={}).status_code == 404
    assert client.post("/v2/models/none/predict/", json={}, headers=ASYNC).status_code == 404


@pytest.mark.slow
def test_switched_off_trainings_are_402_and_predictions_are_still_jobs() -> None:
    with serving("works=trainable:Works", "--no-train-endpoint") as server:
        client = server.client
        for verb in ("train", "validate"):
            answer = client.post(f"/v2/models/works/{verb}/", json={})
            assert (answer.status_code, "switched off" in answer.json()["detail"]) == (402, True)
        job_id = predict(client)
        assert ended(client, job_id)["state"] == "succeeded"
        assert [one["id"] for one in client.get("/v2/jobs").json()["jobs"]] == [job_id]


def test_a_page_of_another_origin_may_ask_for_nothing(client: httpx.Client) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert client.post("/v2/models/works/train/", json={}, headers=foreign).status_code == 403
    assert client.post("/v2/models/works/predict/", json={}, headers=ASYNC | foreign).status_code == 403
    job_id = predict(client)
    assert client.delete(f"/v2/jobs/{job_id}", headers=foreign).status_code == 403
    assert client.post(f"/v2/jobs/{job_id}/retry", headers=foreign).status_code == 403
    ended(client, job_id)


@pytest.mark.parametrize("name", ["Job-Callback-Url", "Job-Priority"])
@pytest.mark.parametrize("prefer", ["", "handling=lenient"])
def test_what_only_jobs_have_is_refused_of_a_prediction(client: httpx.Client, name: str, prefer: str) -> None:
    answer = client.post(
        "/v2/models/works/predict", json={}, headers={name: "1"} | ({"Prefer": prefer} if prefer else {})
    )
    assert answer.status_code == 422
    said = f"{name} is for jobs; with Prefer: respond-async the prediction becomes one"
    assert answer.json()["detail"] == said


# -- Idempotency-Key -------------------------------------------------------------------------------


def test_the_same_key_finds_the_same_job_and_its_result(client: httpx.Client, post: Post, busy: Any) -> None:
    key = {"Idempotency-Key": "once"}
    first = post("respond-async", key, text="same")
    again = post("respond-async", key, text="same")
    assert again.json()["id"] == first.json()["id"]
    busy.release()
    ended(client, first.json()["id"])
    later = post("wait=30", key, text="same")
    assert later.json()["predictions"] == {"text": "same", "number": 0, "attempt": 1}
    assert later.headers["content-location"] == f"/v2/jobs/{first.json()['id']}/result"
    quoted = post("wait=30", {"Idempotency-Key": '"once"'}, text="same")
    assert quoted.json() == later.json()


def test_the_same_key_with_another_request_is_refused(client: httpx.Client, post: Post) -> None:
    key = {"Idempotency-Key": "twice"}
    first = post("respond-async", key, text="one").json()["id"]
    refused = [
        post("respond-async", key, text="other"),
        post("respond-async", {**key, "Accept": "text/html, */*"}, text="one"),
        client.post("/v2/models/works/train/", json={"do": "echo", "text": "one"}, headers=key),
        client.post(
            "/v2/models/works/predict/?number=1", json={"do": "echo", "text": "one"}, headers=ASYNC | key
        ),
    ]
    assert [answer.status_code for answer in refused] == [422] * 4
    assert f"'twice' was used for another request, which is job {first}" in refused[0].json()["detail"]
    ended(client, first)


def test_a_repeated_training_answers_the_first_with_its_result(client: httpx.Client) -> None:
    def ask() -> dict[str, Any]:
        headers = {"Idempotency-Key": "training"}
        return client.post("/v2/models/works/train/", json={"text": "t"}, headers=headers).json()

    first = ask()
    ended(client, first["uuid"])
    again = ask()
    assert (again["uuid"], again["status"]) == (first["uuid"], "done")
    assert again["result"]["output"] == {"text": "t", "number": 0, "attempt": 1}


def test_many_at_once_with_one_key_make_one_job(client: httpx.Client, post: Post, data: Path) -> None:
    """The uploads of the others are removed."""
    before = count(client)

    def ask(_: int) -> str:
        answer = client.post(
            "/v2/models/works/train/",
            files={"table": ("a.csv", SECRET)},
            headers={"Idempotency-Key": "at-once"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["uuid"]

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(ask, range(16)))
    assert len(ids) == 1
    assert count(client) == before + 1
    assert ended(client, ids.pop())["state"] == "succeeded"

    def left() -> list[Path]:
        return [path for path in files(data) if path.parent.name == "inputs"]

    wait_until(lambda: not left(), lambda: f"inputs are left: {left()}")  # they go after the end is known


def test_files_count_by_their_contents(client: httpx.Client) -> None:
    def ask(name: str, content: str) -> httpx.Response:
        files = {"table": (name, content)}
        return client.post("/v2/models/works/train/", files=files, headers={"Idempotency-Key": "files"})

    first = ask("a.csv", "1")
    assert ask("a.csv", "1").json()["uuid"] == first.json()["uuid"]  # though the boundary is another one
    assert ask("a.csv", "2").status_code == 422
    assert ask("b.csv", "1").status_code == 422
    ended(client, first.json()["uuid"])


@pytest.mark.parametrize("prefer", ["respond-async", ""])
@pytest.mark.parametrize("key", ["a b", "x" * 256, "é", "a\tb", "", '""'])
def test_a_key_that_is_none_is_refused_whether_or_not_there_will_be_a_job(
    client: httpx.Client, key: str, prefer: str
) -> None:
    headers = [(b"Prefer", prefer.encode()), (b"Idempotency-Key", key.encode("latin-1"))]
    answer = client.post("/v2/models/works/predict/", json={}, headers=headers)
    assert (answer.status_code, "1 to 255 visible ASCII" in answer.json()["detail"]) == (400, True)


# -- priority --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_highest_priority_runs_first_then_the_oldest(
    client: httpx.Client, tmp_path: Path, busy: Any
) -> None:
    side = tmp_path / "order"
    asked = [
        (0, {}, ""),
        (1, {}, "?priority=-5"),
        (2, {}, ""),
        (3, {"Job-Priority": "7"}, ""),
        (4, {}, "?priority=7"),
    ]
    ids: list[str] = []
    for number, headers, query in asked:
        body = {"do": "note", "text": str(side), "number": number}
        answer = client.post(f"/v2/models/works/predict/{query}", json=body, headers=ASYNC | headers)
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["id"])
    assert [job(client, one)["priority"] for one in ids] == [0, -5, 0, 7, 7]
    assert "priority" not in job(client, ids[1])["arguments"]
    busy.release()
    for one in ids:
        assert ended(client, one)["state"] == "succeeded"
    assert [line.split()[0] for line in side.read_text().splitlines()] == ["3", "4", "0", "2", "1"]


@pytest.mark.parametrize("priority", ["high", "1001", "-1001", "1.5", "9" * 5000])
def test_a_priority_that_is_none_is_refused(client: httpx.Client, priority: str) -> None:
    before = count(client)
    answer = client.post(f"/v2/models/works/train/?priority={priority}", json={})
    assert (answer.status_code, "from -1000 to 1000" in answer.json()["detail"]) == (422, True)
    for header in (priority, ""):
        answer = client.post("/v2/models/works/train/", json={}, headers={"Job-Priority": header})
        assert answer.status_code == 422
    assert count(client) == before


@pytest.mark.parametrize(
    ("field", "argument"), [("Job-Priority", "priority"), ("Job-Callback-Url", "callback_url")]
)
def test_what_is_said_twice_of_a_job_is_refused(client: httpx.Client, field: str, argument: str) -> None:
    before = count(client)
    for query, headers in (
        (f"{argument}=1&{argument}=2", []),
        (f"{argument}=1", [(field, "1")]),
        ("", [(field, "1"), (field, "2")]),
    ):
        answer = client.post(f"/v2/models/works/train/?{query}", json={}, headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            f"{field} (or {argument} in the query) was sent 2 times; send it once",
        )
    assert count(client) == before


# -- webhooks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "example.org",
        "http://",
        "http://127.0.0.1/hook",
        "http://localhost:1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:password@example.org/",
        "file:///etc/passwd",
    ],
)
def test_a_callback_url_that_may_not_be_called_is_refused(client: httpx.Client, url: str) -> None:
    before = count(client)
    answer = client.post("/v2/models/works/train/", params={"callback_url": url}, json={})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("callback_url must ")
    header = {"Job-Callback-Url": url}
    assert client.post("/v2/models/works/train/", json={}, headers=header).status_code == 422
    assert (
        client.post("/v2/models/works/train/", json={}, headers={"Job-Callback-Url": ""}).status_code == 422
    )
    assert count(client) == before


# -- arguments and uploads -------------------------------------------------------------------------


def test_arguments_are_shown_without_paths(client: httpx.Client, data: Path) -> None:
    answer = client.post("/v2/models/works/train/", files={"table": ("my table.csv", SECRET, "text/csv")})
    shown = answer.json()
    assert shown["args"]["table"] == ["my table.csv", "text/csv"]
    ended(client, shown["uuid"])
    for path in (f"/v2/jobs/{shown['uuid']}", "/v2/jobs", f"/v2/models/works/train/{shown['uuid']}"):
        text = client.get(path).text
        assert "my table.csv" in text
        assert str(data) not in text
        assert SECRET not in text.replace(f"my table.csv: {SECRET}", "")
    assert client.get(f"/v2/jobs/{shown['uuid']}/result").json()["text"] == f"my table.csv: {SECRET}"


def test_uploads_are_kept_until_the_job_has_ended(
    client: httpx.Client, data: Path, spool: Path, busy: Any
) -> None:
    upload = {"table": ("a.csv", SECRET)}
    runs, cancelled = (client.post("/v2/models/works/train/", files=upload).json()["uuid"] for _ in range(2))
    kept = [path for path in files(data) if path.parent.name == "inputs"]
    assert [path.read_text() for path in kept] == [SECRET, SECRET]
    assert (data / "jobs").stat().st_mode & 0o077 == 0
    assert files(spool) == []
    client.delete(f"/v2/jobs/{cancelled}")
    assert len([path for path in kept if path.exists()]) == 1
    busy.release()
    assert ended(client, runs)["state"] == "succeeded"
    assert reached(client, runs, ("succeeded",))["arguments"]["table"] == ["a.csv", "text/csv"]
    wait_until(lambda: not any(path.exists() for path in kept), lambda: str(kept))


def test_a_body_of_several_megabytes_becomes_a_job(client: httpx.Client, data: Path, spool: Path) -> None:
    text = "x" * 3_000_000
    job_id = train(client, "echo", text=text)
    shown = ended(client, job_id)
    assert shown["state"] == "succeeded"
    assert len(str(shown["arguments"])) < 100_000  # it is said that it is large, not shown each time
    assert client.get(f"/v2/jobs/{job_id}/result").json()["text"] == text
    assert files(spool) == []


def test_a_form_without_files_and_a_query_are_arguments_too(client: httpx.Client) -> None:
    answer = client.post("/v2/models/works/train/?text=query&callback_url=", data={"number": "4"})
    assert answer.status_code == 200, answer.text
    job_id = answer.json()["uuid"]
    assert ended(client, job_id)["state"] == "succeeded"
    assert client.get(f"/v2/jobs/{job_id}/result").json() == {"text": "query", "number": 4, "attempt": 1}


def test_nan_in_the_answer_of_a_training(client: httpx.Client) -> None:
    job_id = client.post("/v2/models/t/train/", json={"mode": "nan", "epochs": 1}).json()["uuid"]
    ended(client, job_id)
    assert client.get(f"/v2/jobs/{job_id}/result").json()["loss"] is None
    assert client.get(f"/v2/models/t/train/{job_id}").json()["result"]["output"]["loss"] is None


@pytest.mark.slow
def test_nan_as_python_writes_it_if_the_server_is_told_to() -> None:
    with serving("t=trainable:Trainable", "--allow-nan") as server:
        client = server.client
        job_id = client.post("/v2/models/t/train/", json={"mode": "nan", "epochs": 1}).json()["uuid"]
        ended(client, job_id)
        for path in (f"/v2/models/t/train/{job_id}", "/v2/models/t/train/", f"/v2/jobs/{job_id}/result"):
            answer = client.get(path)
            assert (answer.status_code, '"loss":NaN' in answer.text) == (200, True)
