"""DEEPaaS's trainings, and validations beside them, from the request to what came out, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import psutil
import pytest
from serving import Server, serving, wait_until
from v2_target import problem

from modelport.contract.deepaas_values import AS_A_FILE
from modelport.contract.kinds import NOT_A_FILE

MODELS = (
    "t=trainable:Trainable",
    "old=training_models:OldStyle",
    "other=training_models:OnlyTrains",
    "raises=recorded.training",
)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?")
CSV = ("t.csv", b"a,b\n1,2\n", "text/csv")


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with serving(*MODELS, "--job-workers", "2", "--cancel-grace", "20") as server:
        states = server.client.get("/v2/health/ready").json()["models"]
        assert {name: shown for name, shown in states.items() if shown["state"] != "ready"} == {}
        yield server


@pytest.fixture(scope="module")
def client(site: Server) -> httpx.Client:
    return site.client


def begin(client: httpx.Client, model: str, verb: str = "train", **request: Any) -> dict[str, Any]:
    """Ask for a training; returns the answer."""
    answer = client.post(f"/v2/models/{model}/{verb}/", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(client: httpx.Client, model: str, uuid: str, verb: str = "train") -> dict[str, Any]:
    """The training as DEEPaaS's resource shows it."""
    answer = client.get(f"/v2/models/{model}/{verb}/{uuid}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


def finished(client: httpx.Client, model: str, verb: str = "train", **request: Any) -> dict[str, Any]:
    """Ask for a training and wait for its end; returns what is shown of it then."""
    uuid = begin(client, model, verb, **request)["uuid"]
    job_calls.ended(client, uuid)
    return shown(client, model, uuid, verb)


def listed(client: httpx.Client, model: str, verb: str = "train") -> list[dict[str, Any]]:
    return client.get(f"/v2/models/{model}/{verb}/").json()


# -- from the request to the result ----------------------------------------------------------------


def test_a_training_is_answered_at_once_and_shown_until_it_is_done(client: httpx.Client) -> None:
    answer = client.post("/v2/models/t/train/", params={"epochs": 2})
    assert answer.status_code == 200
    begun = answer.json()
    assert list(begun) == ["date", "args", "uuid", "status"]
    assert begun["status"] == "running"
    assert TIME.fullmatch(begun["date"])
    assert begun["args"] == {"epochs": 2, "seconds": 0.0, "mode": "ok", "started": "", "table": None}
    assert client.get(answer.headers["location"]).json()["id"] == begun["uuid"]
    job_calls.ended(client, begun["uuid"])
    done = shown(client, "t", begun["uuid"])
    result = done.pop("result")
    assert done == begun | {"status": "done"}
    assert result["output"] == {"epochs": 2, "attempt": 1, "size": 0, "loss": 0.5}
    assert TIME.fullmatch(result["finish_date"])
    assert re.fullmatch(r"0:\d\d:\d\d(\.\d{6})?", result["duration"])
    assert list(result) == ["output", "finish_date", "duration"]


def test_a_file_is_described_by_name_and_type_and_is_there_when_the_training_runs(
    client: httpx.Client,
) -> None:
    done = finished(client, "old", files={"table": CSV}, data={"rate": "0.5"}, params={"layers": ["4", "2"]})
    assert done["args"] == {"table": ["table", "text/csv", "t.csv"], "rate": 0.5, "layers": [4, 2]}
    assert done["result"]["output"] == {"lines": ["a,b", "1,2"], "name": "t.csv", "labels": False}
    typed = finished(client, "t", files={"table": CSV}, data={"epochs": "1"})
    assert typed["args"]["table"] == ["t.csv", "text/csv"]
    assert typed["result"]["output"]["size"] == len(CSV[1])


def test_two_files_are_both_described(client: httpx.Client) -> None:
    files = {"table": CSV, "labels": ("../l.txt", b"", "text/plain")}
    done = finished(client, "old", files=files)
    assert done["args"]["labels"] == ["labels", "text/plain", "../l.txt"]
    assert done["result"]["output"]["labels"] is True


@pytest.mark.parametrize(
    "request_", [{"params": {"label": "a"}}, {"data": {"label": "a"}}, {"json": {"label": "a"}},
                 {"files": {"label": (None, "a")}}],
    ids=["query", "form", "json", "multipart"],
)  # fmt: skip
def test_arguments_come_from_every_place(client: httpx.Client, request_: dict[str, Any]) -> None:
    begun = begin(client, "raises", **request_)
    assert begun["args"] == {"epochs": 1, "seconds": 0.0, "mode": "ok", "label": "a"}


def test_a_number_that_json_does_not_have_is_null(client: httpx.Client) -> None:
    assert finished(client, "t", json={"mode": "nan"})["result"]["output"]["loss"] is None


# -- requests that begin nothing -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "status", "said"),
    [
        ("raises", {}, 422, {"label": ["Missing data for required field."]}),
        ("raises", {"params": {"label": "x", "epochs": "many"}}, 422, {"epochs": ["Not a valid integer."]}),
        ("old", {}, 422, {"table": ["Missing data for required field."]}),
        ("old", {"files": {"table": CSV}, "params": {"layers": ["1", "x"]}}, 422,
         {"layers": {"1": ["Not a valid integer."]}}),
        ("old", {"files": {"table": ("", b"x", "text/csv")}}, 422,
         {"table": ["Not a valid file.", AS_A_FILE.format("table")]}),
        ("t", {"data": {"table": "text"}}, 422, {"table": [NOT_A_FILE]}),
        ("raises", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400,
         {"json": ["Invalid JSON body."]}),
    ],
    ids=["missing", "no number", "no file", "in a list", "nameless file", "text for a file", "no JSON"],
)  # fmt: skip
def test_wrong_arguments_are_told_at_once_and_begin_nothing(
    client: httpx.Client, model: str, request_: dict[str, Any], status: int, said: dict[str, Any]
) -> None:
    before = [training["uuid"] for training in listed(client, model)]
    answer = client.post(f"/v2/models/{model}/train/", **request_)
    assert (answer.status_code, answer.json()) == (status, said)
    assert [training["uuid"] for training in listed(client, model)] == before


TEXT = {"Content-Type": "text/plain"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AS_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("verb", ["train", "validate"])
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"epochs": 2}', FORM, 415),
        (b'{"epochs": 2}', TEXT, 415),
        (b'{"epochs": 2}', {}, 415),
        (b"epochs=2", TEXT, 415),
        (b'"{\\"epochs\\": 2}"', AS_JSON, 422),
        (b"[1]", AS_JSON, 422),
        (b"null", AS_JSON, 422),
        (b'{"epohcs": 2}', AS_JSON, 422),
        (b"epohcs=2", FORM, 422),
    ],
)
def test_what_cannot_be_arguments_begins_no_job_with_the_defaults(
    client: httpx.Client, verb: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    path = f"/v2/models/t/{verb}/"
    before = client.get(path).json()
    answer = client.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert client.get(path).json() == before


def test_a_choice_that_is_none_of_the_choices_is_named(client: httpx.Client) -> None:
    answer = client.post("/v2/models/t/train/", json={"mode": "slowly", "epochs": "x"})
    assert answer.status_code == 422
    assert set(answer.json()) == {"mode", "epochs"}


def test_trainings_that_are_switched_off_are_402() -> None:
    with serving("t=trainable:Trainable", "--no-train-endpoint") as closed:
        for verb in ("train", "validate"):
            place = f"/v2/models/t/{verb}/"
            problem(closed.client.post(place, json={"epochs": 1}), 402)
            problem(closed.client.get(place), 402)
            problem(closed.client.get(f"{place}0"), 402)
            problem(closed.client.delete(f"{place}0"), 402)
        assert closed.client.post("/v2/models/t/predict/").status_code == 200
        assert closed.client.get("/v2/jobs").json()["jobs"] == []


# -- one, and all ----------------------------------------------------------------------------------


def test_trainings_are_listed_oldest_first_each_as_it_is_shown_alone(client: httpx.Client) -> None:
    before = listed(client, "other")
    one, two = finished(client, "other"), finished(client, "other")
    assert listed(client, "other") == [*before, one, two]
    assert one["result"]["output"] == [1, 2]
    assert client.get("/v2/models/other/train").json() == [*before, one, two]
    assert client.get(f"/v2/models/other/train/{one['uuid']}/").json() == one
    assert not {one["uuid"], two["uuid"]} & {training["uuid"] for training in listed(client, "t")}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_training_that_is_not_there_is_404(client: httpx.Client, method: str) -> None:
    of_other = finished(client, "other")["uuid"]
    for path in ("t/train/nothere", "t/train/nothere/", f"t/train/{of_other}", f"other/validate/{of_other}",
                 f"nobody/train/{of_other}"):  # fmt: skip
        problem(client.request(method, f"/v2/models/{path}"), 404)
    assert shown(client, "other", of_other)["status"] == "done"


def test_trainings_outlive_the_server(tmp_path: Path) -> None:
    with serving("other=training_models:OnlyTrains", MODELPORT_DATA_DIR=str(tmp_path)) as first:
        done = finished(first.client, "other")
    with serving("other=training_models:OnlyTrains", MODELPORT_DATA_DIR=str(tmp_path)) as second:
        assert listed(second.client, "other") == [done]


# -- trainings that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("t", {"mode": "error"}, "the loss is not a number"),
        ("t", {"mode": "http"}, "no such data set"),
        ("raises", {"label": "a", "mode": "value_error"}, "the loss is not a number"),
        ("raises", {"label": "a", "mode": "http400"}, "bad hyper-parameters"),
    ],
    ids=["exception", "HTTPError", "exception of DEEPaaS", "HTTPBadRequest of aiohttp"],
)
def test_an_exception_is_the_message_of_the_training(
    client: httpx.Client, model: str, arguments: dict[str, Any], message: str
) -> None:
    failed = finished(client, model, json=arguments)
    assert list(failed) == ["date", "args", "uuid", "status", "message"]
    assert (failed["status"], failed["message"]) == ("error", message)
    job = job_calls.job(client, failed["uuid"])
    assert (job["state"], job["error"], job["ended_by"]) == ("failed", message, "exception")


def test_the_traceback_is_in_the_log_unless_the_model_meant_the_error(client: httpx.Client) -> None:
    by_accident = finished(client, "raises", json={"label": "a", "mode": "value_error"})
    said = job_calls.log(client, by_accident["uuid"])
    assert said[0] == "Traceback (most recent call last):"
    assert said[-1] == "ValueError: the loss is not a number"
    meant = finished(client, "raises", json={"label": "a", "mode": "http400"})
    assert job_calls.log(client, meant["uuid"]) == []


def test_a_process_that_ends_is_an_error_and_takes_nothing_with_it(client: httpx.Client) -> None:
    failed = finished(client, "t", json={"mode": "exit", "epochs": 1})
    assert (failed["status"], failed["message"]) == ("error", "its process ended: exit status 3")
    assert sorted(job_calls.log(client, failed["uuid"])) == ["epoch 0", "warning 0"]
    assert finished(client, "t", json={"epochs": 1})["status"] == "done"
    assert client.post("/v2/models/t/predict/").status_code == 200


# -- cancelling ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "arguments", "ended_by"),
    [
        ("t", {"mode": "sleep"}, "SIGTERM"),
        ("t", {"mode": "busy"}, "SIGTERM"),
        ("t", {"mode": "polite"}, "flag"),
        ("raises", {"label": "a", "seconds": 600}, "SIGTERM"),
    ],
    ids=["sleeping", "busy", "polite", "of DEEPaaS"],
)
def test_a_training_is_cancelled_and_stays_listed(
    client: httpx.Client, tmp_path: Path, model: str, arguments: dict[str, Any], ended_by: str
) -> None:
    started = {"started": str(tmp_path / "started"), "epochs": 0} if model == "t" else {}
    uuid = begin(client, model, json=arguments | started)["uuid"]
    job_calls.reached(client, uuid, ("running",))
    while started and not Path(started["started"]).exists():
        assert shown(client, model, uuid)["status"] == "running"
    while model == "raises" and "begins" not in job_calls.log(client, uuid):
        assert shown(client, model, uuid)["status"] == "running"
    answer = client.delete(f"/v2/models/{model}/train/{uuid}")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json() == shown(client, model, uuid)
    assert client.delete(f"/v2/models/{model}/train/{uuid}").json() == answer.json()
    job = job_calls.ended(client, uuid)
    assert (job["state"], job["ended_by"]) == ("cancelled", ended_by)
    assert listed(client, model)[-1] == answer.json()


def test_code_that_knows_nothing_of_jobs_is_not_given_time_to_look_at_the_flag() -> None:
    with serving("raises=recorded.training", "--cancel-grace", "3600") as patient:
        uuid = begin(patient.client, "raises", json={"label": "a", "seconds": 600})["uuid"]
        process = psutil.Process(patient.process.pid)
        wait_until(lambda: len(process.children()) == 2, lambda: patient.log)  # the worker, and the job's
        patient.client.delete(f"/v2/models/raises/train/{uuid}")
        assert job_calls.ended(patient.client, uuid)["ended_by"] == "SIGTERM"


def test_cancelling_what_is_over_changes_nothing(client: httpx.Client) -> None:
    done = finished(client, "other")
    answer = client.delete(f"/v2/models/other/train/{done['uuid']}")
    assert (answer.status_code, answer.json()) == (200, done)
    assert shown(client, "other", done["uuid"]) == done


# -- validations -----------------------------------------------------------------------------------


def test_a_validation_is_begun_shown_and_listed_as_a_training_is(client: httpx.Client) -> None:
    done = finished(client, "t", "validate", json={"rows": 5})
    assert done["result"]["output"] == {"rows": 5, "accuracy": 0.9}
    old = finished(client, "old", "validate", params={"rows": "4"})
    assert (old["args"], old["status"], old["result"]["output"]) == ({"rows": 4}, "done", {"accuracy": 0.75})
    assert listed(client, "old", "validate") == [old]
    assert job_calls.job(client, old["uuid"])["kind"] == "validate"
    assert old["uuid"] not in {training["uuid"] for training in listed(client, "old")}
    answer = client.delete(f"/v2/models/old/validate/{old['uuid']}")
    assert (answer.status_code, answer.json()) == (200, old)


def test_the_arguments_of_a_validation_are_checked_at_once(client: httpx.Client) -> None:
    answer = client.post("/v2/models/old/validate/", params={"rows": "few"})
    assert (answer.status_code, answer.json()) == (422, {"rows": ["Not a valid integer."]})


def test_a_model_without_validate_answers_501(client: httpx.Client) -> None:
    said = problem(client.post("/v2/models/other/validate/"), 501)["detail"]
    assert said == "Not implemented by underlying model (loaded 'other')"
    assert listed(client, "other", "validate") == []


def test_a_training_tells_what_it_ignored_in_its_answer_and_its_log(client: httpx.Client) -> None:
    sent: dict[str, Any] = {"files": {"table": CSV}, "params": {"raet": "0.5"}}
    answer = client.post("/v2/models/old/train/", **sent)
    said = "unknown argument 'raet' was ignored; did you mean 'rate'?"
    assert (answer.status_code, answer.headers["warning"]) == (200, f'299 - "{said}"')
    assert answer.json()["args"]["rate"] == 0.1
    job_calls.ended(client, answer.json()["uuid"])
    assert f"train: {said}" in client.get(f"/v2/jobs/{answer.json()['uuid']}/log").text
    refused = client.post("/v2/models/old/validate/", json={"row": 3})
    assert (refused.status_code, set(refused.json())) == (422, {"rows"})
    assert "did you mean 'rows'?" in refused.headers["warning"]
