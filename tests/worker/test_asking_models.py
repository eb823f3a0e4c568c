"""A model asks another one of the same server: a call like any other, which ends with the one that asks."""

from __future__ import annotations

import io
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from serving import Server, serving, wait_until

SOURCES = (
    "Twice", "Plain", "Threads", "Gathers", "Batches", "Circle", "Echo", "Sees", "Crops", "Looks", "Counts",
    "Follows", "FollowsSoon", "Waits", "Hopes", "HopesSoon", "Trains", "Bulk",
    "Grouped",
    "Relays",
    "Together",
    "HopesTogether",
    "Asks8",
    "Early",
    "Forks",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    spool = tmp_path_factory.mktemp("spool")
    sources = [f"{name.lower()}=asking_models:{name}" for name in SOURCES]
    with serving(*sources, "--kill-grace", "5", "--spool-dir", str(spool)) as running:
        yield running


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[Ask]:
    with httpx.Client(base_url=server.url, timeout=60) as client:

        def asked(model: str, /, **arguments: Any) -> httpx.Response:
            return client.post(f"/v2/models/{model}/predict", json=arguments)

        yield asked


@pytest.fixture
def at_once() -> Iterator[Callable[..., Future[httpx.Response]]]:
    with ThreadPoolExecutor(16) as pool:
        yield pool.submit


def told(folder: Path, what: str) -> None:
    """Wait until a model has told it."""
    wait_until((folder / what).exists, lambda: f"no {what!r} in {list(folder.iterdir())}")


# --- plain questions


def test_one_after_the_other_and_several_at_once(ask: Ask) -> None:
    assert ask("plain", number=3).json() == 12
    assert ask("threads", number=3).json() == [6, 8]
    assert ask("gathers", number=3).json() == [6, 8]


def test_many_clients_ask_models_that_ask(ask: Ask, at_once: Any) -> None:
    models = ("plain", "gathers", "threads", "together") * 6
    answers = [at_once(ask, model, number=number) for number, model in enumerate(models)]
    for number, (model, answer) in enumerate(zip(models, answers, strict=True)):
        wanted = 4 * number if model in ("plain", "together") else [2 * number, 2 * number + 2]
        assert answer.result().json() == wanted


def test_a_batch_asks_for_all_of_its_calls(ask: Ask, at_once: Any) -> None:
    answers = [at_once(ask, "batches", number=number) for number in (1, 2, 3)]
    found = {answer.result().json() for answer in answers}
    assert found <= {2, 4, 6, 8, 10, 12}  # of those that came together, twice their sum


def test_questions_that_come_together_are_answered_together(ask: Ask) -> None:
    assert ask("asks8").json() == [8] * 8


def test_a_model_that_asks_while_it_is_loaded_is_told_that_it_cannot(server: Server) -> None:
    found = server.client.get("/v2/health/ready").json()["models"]["early"]
    assert found["state"] == "failed"
    assert "'twice' cannot be asked while this model is loaded: it may not be there yet" in found["error"]


def test_what_a_model_has_forked_cannot_ask(ask: Ask, tmp_path: Path) -> None:
    said = "another model cannot be asked from a process that a model has started, 2"
    assert ask("forks", folder=str(tmp_path)).json() == said


def test_a_sync_question_in_an_event_loop_is_refused_with_what_to_write(ask: Ask) -> None:
    answer = ask("gathers", number=1, way="block")
    assert answer.status_code == 500
    assert "use predict_async()" in answer.json()["detail"]


def test_jobs_and_trainings_ask_too(server: Server) -> None:
    for verb in ("train", "predict"):
        asked = server.client.post(
            f"/v2/models/trains/{verb}", json={"number": 21}, headers={"Prefer": "respond-async"}
        )
        job = asked.json().get("uuid") or asked.json()["id"]
        with server.client.stream("GET", f"/v2/jobs/{job}/events") as events:
            events.read()
        assert server.client.get(f"/v2/jobs/{job}").json()["state"] == "succeeded", server.log
        assert "42" in server.client.get(f"/v2/jobs/{job}/result").text


# --- what goes wrong


def test_what_the_other_model_raises_is_named_and_logged(server: Server, ask: Ask) -> None:
    start = len(server.lines)
    failed = ask("plain", number=1313)
    assert failed.status_code == 500
    assert failed.json()["detail"] == "the model 'twice', which was asked, did not answer: it is unlucky"
    request_id = failed.json()["request_id"]
    server.wait_for_log(
        f"twice, which plain has asked for request {request_id}, failed: it is unl", start=start
    )
    assert "it is negative" in ask("plain", number=-1).json()["detail"]


def test_a_model_that_is_not_there_is_told_the_nearest(ask: Ask) -> None:
    detail = ask("plain", number=1, model="twicw").json()["detail"]
    assert "this server has no such model; did you mean 'twice'?" in detail


def test_arguments_that_do_not_fit_are_named(ask: Ask) -> None:
    detail = ask("plain", number=1, model="sees").json()["detail"]
    assert "image: Missing data for required field." in detail
    assert "number: Unknown argument" in detail


def test_a_circle_is_an_error_that_names_the_way(ask: Ask) -> None:
    answer = ask("circle")
    assert answer.status_code == 500
    assert "in a circle: circle → plain → circle" in answer.json()["detail"]


def test_the_other_model_has_no_more_time_than_it_is_given(ask: Ask, tmp_path: Path) -> None:
    for seconds in (0.2, 2, 20):  # which may be over before the other one has begun
        answer = ask("hopes", folder=str(tmp_path), timeout=seconds)
        assert answer.status_code == 504
        assert f"took longer than {seconds} s" in answer.json()["detail"]
        if (tmp_path / "asked began").exists():
            break
    told(tmp_path, "asked was stopped")


@pytest.mark.parametrize("model", ["hopes", "hopessoon", "hopestogether"])
def test_who_leaves_ends_what_was_asked_for_him(server: Server, model: str, tmp_path: Path) -> None:
    asked = httpx.Request("POST", f"{server.url}/v2/models/{model}/predict", json={"folder": str(tmp_path)})
    fields = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    with socket.create_connection((asked.url.host, asked.url.port or 0), timeout=60) as sock:
        sock.sendall(f"POST {asked.url.path} HTTP/1.1\r\n{fields}\r\n".encode() + asked.read())
        told(tmp_path, "asked began")
    told(tmp_path, "asked was stopped")
    error = "CancelledError" if model == "hopessoon" else "CallCancelled"
    told(tmp_path, f"{error} in who asks")


def test_a_worker_that_dies_ends_what_it_has_asked(ask: Ask, tmp_path: Path) -> None:
    answer = ask("hopes", folder=str(tmp_path), die=True)
    assert answer.status_code == 500
    assert "the worker ended" in answer.json()["detail"]
    told(tmp_path, "asked was stopped")


@pytest.mark.slow
def test_models_that_wait_for_each_other_are_ended_by_the_deadline(tmp_path: Path) -> None:
    sources = ("left=asking_models:Left", "right=asking_models:Right")
    with serving(*sources, "--timeout", "2") as server, ThreadPoolExecutor(2) as pool:

        def post(model: str, **arguments: Any) -> httpx.Response:
            return httpx.post(f"{server.url}/v2/models/{model}/predict", json=arguments, timeout=60)

        asking = [pool.submit(post, model, folder=str(tmp_path), ask=True) for model in ("left", "right")]
        statuses = {one.result().status_code for one in asking}
        assert 504 in statuses
        assert statuses <= {200, 504}  # when the first is given up, the other may have its answer in time
        assert (post("left").json(), post("right").json()) == ("left", "right")


@pytest.mark.slow
def test_a_server_that_drains_lets_a_call_ask_until_it_has_its_answer(tmp_path: Path) -> None:
    sources = ("waits=asking_models:Waits", "chain=asking_models:Chain", "twice=asking_models:Twice")
    with serving(*sources) as server, ThreadPoolExecutor(1) as pool:
        url = f"{server.url}/v2/models/chain/predict"
        begun = pool.submit(httpx.post, url, json={"folder": str(tmp_path)}, timeout=60)
        told(tmp_path, "asked began")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping|drain")
        (tmp_path / "asked may end").touch()
        assert begun.result().json() == 2


# --- what goes from one to the other


def png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (width, height), 200).save(content, "PNG")
    return content.getvalue()


def test_pictures_and_files_go_by_path_and_are_gone_afterwards(server: Server, tmp_path: Path) -> None:
    sent = png(30, 20)
    answer = server.client.post("/v2/models/looks/predict", files={"image": ("a.png", sent, "image/png")})
    found = answer.json()["predictions"] if "predictions" in answer.json() else answer.json()
    path = Path(found.pop("path"))
    part = {"width": 8, "height": 4}
    assert found == {
        "whole": {"width": 60, "height": 40},
        "part": part,
        "again": part,
        "bytes": part,
        "copy": True,
    }
    wait_until(lambda: not path.parent.exists(), lambda: f"{path} is still there")


def test_arrays_of_any_size_go_and_come(ask: Ask) -> None:
    assert [ask("bulk", cells=cells).json() for cells in (0, 1000, 300_000)] == [True] * 3


def test_a_stream_comes_piece_by_piece_or_as_a_list(ask: Ask, server: Server) -> None:
    assert ask("follows", upto=5).json() == [0, 2, 4, 6, 8]
    with server.client.stream("POST", "/v2/models/followssoon/predict", json={"upto": 3}) as answer:
        assert "".join(answer.iter_text()) == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_a_plain_stream_asks_while_it_streams(server: Server, tmp_path: Path) -> None:
    url, left = f"{server.url}/v2/models/relays/predict", tmp_path / "left"
    left.mkdir()
    answer = httpx.post(url, json={"upto": 200, "folder": str(tmp_path)}, timeout=60)
    assert answer.text == "".join(f"data: {2 * number}\n\n" for number in range(200))
    with httpx.stream("POST", url, json={"upto": 10**6, "folder": str(left)}, timeout=60) as unread:
        next(unread.iter_raw())
    told(left, "counted")


def test_who_reads_no_further_ends_the_stream(ask: Ask, tmp_path: Path) -> None:
    answer = ask("follows", upto=100_000, most=3, folder=str(tmp_path), size=100_000, meanwhile=300)
    assert answer.json() == [0, 2, 4]
    told(tmp_path, "counted")
    counted = tmp_path / "counted"
    wait_until(lambda: counted.read_text() != "", lambda: "nothing is counted")
    assert int(counted.read_text()) < 100  # and so a slow reader holds up who yields


def test_what_a_stream_fails_of_reaches_who_follows_it(ask: Ask) -> None:
    detail = ask("follows", upto=20).json()["detail"]
    assert detail == "the model 'counts', which was asked, did not answer: it is unlucky"
