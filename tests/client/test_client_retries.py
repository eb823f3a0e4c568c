"""When the client tries again by itself, and when it must not."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from client_target import MakeClient
from scripted_server import CUT, Answer, scripted
from test_client_predictions import OneWay

from modelport.client import (
    ArgumentsRefused,
    ConnectionFailed,
    ModelFailed,
    NotFound,
    RequestRefused,
    ServerBusy,
    TimedOut,
)
from modelport.client.exchange import LONGEST_DELAY, backoff

BUSY = Answer(503, {"detail": "5 calls wait already"}, {"retry-after": "0"})
MANY = Answer(429, {"detail": "100 jobs of yours wait already"}, {"retry-after": "0"})
PAST = Answer(503, {"detail": "later"}, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
JOB = {"id": "j1", "kind": "predict", "model": "m", "state": "queued"}


def test_a_busy_server_is_asked_again(make_client: MakeClient) -> None:
    with scripted(BUSY, MANY, PAST, Answer(body=5)) as server:
        assert make_client(server.url).predict("m", number=1) == 5
        assert [asked.body for asked in server.asked] == [b'{"number":1}'] * 4


def test_a_file_is_sent_again_whole(make_client: MakeClient) -> None:
    with scripted(BUSY, Answer(body=5)) as server:
        assert make_client(server.url).predict("m", file=io.BytesIO(b"content")) == 5
        assert [b"\r\n\r\ncontent\r\n" in asked.body for asked in server.asked] == [True, True]


def test_a_server_that_stays_busy_is_asked_until_the_timeout(make_client: MakeClient) -> None:
    later = Answer(503, {"detail": "come back"}, {"retry-after": "30"})
    with scripted(BUSY, later) as server:
        with pytest.raises(ServerBusy, match="come back") as busy:
            make_client(server.url, timeout=20).models()
        assert busy.value.retry_after == 30


def test_a_server_that_names_no_time_is_not_asked_again(make_client: MakeClient) -> None:
    with scripted(Answer(503, {"detail": "the model 'm' could not be loaded"})) as server:
        with pytest.raises(ServerBusy, match="could not be loaded"):
            make_client(server.url).predict("m")


@pytest.mark.parametrize("when", [None, "soon", "-1"])
def test_too_much_of_one_client_is_told_with_its_words(make_client: MakeClient, when: str | None) -> None:
    headers = {} if when is None else {"retry-after": when}
    with scripted(Answer(429, {"detail": "100 jobs of yours wait already"}, headers)) as server:
        with pytest.raises(ServerBusy, match="100 jobs of yours wait already") as busy:
            make_client(server.url).train("m")
        assert (busy.value.status, busy.value.retry_after) == (429, None)


def test_reading_is_repeated_after_a_broken_connection(make_client: MakeClient) -> None:
    with scripted(CUT, Answer(body={}, breaks=True), Answer(body={"models": []})) as server:
        assert make_client(server.url).models() == []


def test_a_prediction_is_not_repeated_after_a_broken_connection(make_client: MakeClient) -> None:
    with scripted(CUT) as server:
        with pytest.raises(ConnectionFailed, match="POST /v2/models/m/predict/: "):
            make_client(server.url).predict("m")


def test_a_connection_that_always_breaks_is_given_up(make_client: MakeClient) -> None:
    with scripted(*[CUT] * 5) as server:
        with pytest.raises(ConnectionFailed):
            make_client(server.url).models()


@pytest.mark.parametrize("verb", ["submit", "train", "validate"])
def test_a_job_is_submitted_again_with_the_same_key(make_client: MakeClient, verb: str) -> None:
    made = [Answer(202, JOB)] if verb == "submit" else [Answer(200, {"uuid": "j1"}), Answer(body=JOB)]
    with scripted(CUT, BUSY, *made) as server:
        assert getattr(make_client(server.url), verb)("m").id == "j1"
        posts = [asked.headers for asked in server.asked if asked.method == "POST"]
    keys = {headers["idempotency-key"] for headers in posts}
    assert (len(posts), len(keys)) == (3, 1)
    assert [headers.get("prefer") for headers in posts] == ["respond-async" if verb == "submit" else None] * 3


def test_two_submissions_have_two_keys(make_client: MakeClient) -> None:
    with scripted(Answer(202, JOB), Answer(202, JOB)) as server:
        client = make_client(server.url)
        client.submit("m")
        client.submit("m")
        first, second = (asked.headers["idempotency-key"] for asked in server.asked)
    assert first != second


def test_the_options_of_a_job_are_headers(make_client: MakeClient) -> None:
    with scripted(Answer(202, JOB)) as server:
        make_client(server.url, headers={"x-own": "1"}).submit(
            "m", accept="text/csv", idempotency_key="k", priority=-5, callback_url="https://example.org/hook"
        )
        headers = server.asked[0].headers
    assert headers["accept"] == "text/csv"
    assert headers["idempotency-key"] == "k"
    assert headers["job-priority"] == "-5"
    assert headers["job-callback-url"] == "https://example.org/hook"
    assert headers["x-own"] == "1"


def test_a_file_that_can_be_read_once_is_not_sent_twice(make_client: MakeClient) -> None:
    with scripted(CUT) as server:
        with pytest.raises(ConnectionFailed):
            make_client(server.url).submit("m", file=("a", OneWay(b"content")))


def test_the_answer_of_a_job_that_ended_long_ago_is_that_job(make_client: MakeClient) -> None:
    ended = Answer(500, {"detail": "it failed"}, {"content-location": "/base/v2/jobs/j1/result"})
    with scripted(ended, Answer(body=JOB | {"state": "failed"})) as server:
        job = make_client(server.url).submit("m", idempotency_key="used before")
        assert (job.id, job.state) == ("j1", "failed")
        assert server.asked[1].path == "/v2/jobs/j1"


def test_jobs_come_page_by_page(make_client: MakeClient) -> None:
    def page(*ids: str, then: str | None = None) -> Answer:
        return Answer(body={"jobs": [JOB | {"id": each} for each in ids], "next_cursor": then})

    with scripted(page("5", "4", then="4"), page(then="3"), page("2")) as server:
        listed = make_client(server.url).jobs(model="a&b", kind="train")
        assert next(listed).id == "5"
        assert len(server.asked) == 1
        assert [job.id for job in listed] == ["4", "2"]
        assert [asked.path for asked in server.asked] == [
            "/v2/jobs?model=a%26b&kind=train&limit=100",
            "/v2/jobs?model=a%26b&kind=train&limit=100&cursor=4",
            "/v2/jobs?model=a%26b&kind=train&limit=100&cursor=3",
        ]


def test_what_a_newer_server_says_more_is_left_out(make_client: MakeClient) -> None:
    with scripted(Answer(body=JOB | {"mood": "good"})) as server:
        job = make_client(server.url).job("j1")
        assert job.state == "queued"
        assert not hasattr(job, "mood")


def test_a_server_without_jobs_is_told_apart(make_client: MakeClient) -> None:
    with scripted(Answer(body=5)) as server:
        with pytest.raises(ModelFailed, match="the server answered at once"):
            make_client(server.url).submit("m")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(422, {"a": ["bad"], "b": {"0": ["worse"]}}), ArgumentsRefused, "a: bad; b.0: worse"),
        (Answer(422, {"detail": "the key was used", "title": "x"}), RequestRefused, "the key was used"),
        (Answer(404, b"<html>", {"content-type": "text/html"}), NotFound, "Not Found"),
        (Answer(502, b"", {"content-type": "text/html"}), ModelFailed, "Bad Gateway"),
        (Answer(500, b"{", {}), ModelFailed, "Internal Server Error"),
        (Answer(415, {"detail": "send JSON"}), RequestRefused, r"send JSON \(HTTP 415\)"),
        (Answer(408, {"detail": "the body came too slowly"}), RequestRefused, r"too slowly \(HTTP 408\)"),
        (Answer(421, {"detail": "there is no x here"}), RequestRefused, r"there is no x here \(HTTP 421\)"),
        (Answer(301, b"", {"location": "https://example.org/"}), RequestRefused, "is at https://example.org/"),
    ],
)  # fmt: skip
def test_an_error_says_what_the_answer_says(
    make_client: MakeClient, answer: Answer, error: type[Exception], words: str
) -> None:
    with scripted(answer) as server:
        with pytest.raises(error, match=words):
            make_client(server.url).models()


def test_an_answer_that_cannot_be_read_is_an_error_of_ours(make_client: MakeClient) -> None:
    with scripted(
        Answer(body=b"{cut"), Answer(body=b"no gzip", headers={"content-encoding": "gzip"})
    ) as server:
        client = make_client(server.url)
        with pytest.raises(ModelFailed, match="the answer is no JSON: Expecting property name"):
            client.predict("m")
        with pytest.raises(ConnectionFailed, match="while decompressing data"):
            client.predict("m")


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_asked(
    make_client: MakeClient, silent_url: str
) -> None:
    with pytest.raises(TimedOut, match=r"POST /v2/models/m/predict/ took longer than 0\.1 seconds"):
        make_client(silent_url).predict("m", timeout=0.1)


def test_each_delay_is_longer_but_for_chance_and_has_an_end() -> None:
    delays: list[Any] = [[backoff(tries) for _ in range(50)] for tries in (1, 2, 3, 100)]
    assert all(0.05 <= delay <= 0.1 for delay in delays[0])
    assert all(0.2 <= delay <= 0.4 for delay in delays[2])
    assert all(LONGEST_DELAY / 2 <= delay <= LONGEST_DELAY for delay in delays[3])
    assert len({json.dumps(delay) for delay in delays[0]}) > 1
