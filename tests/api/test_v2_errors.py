"""What a client is told when a model refuses or fails."""

from __future__ import annotations

import pytest
from serving import Server
from v2_target import Predict, problem

UNAVAILABLE = "The server is temporarily unable to service your request"


@pytest.mark.parametrize(
    ("how", "status", "reason", "headers"),
    [
        ("aiohttp", 409, "busy here", {"x-why": "work"}),
        ("aiohttp redirect", 302, "Found", {"location": "/elsewhere"}),
        ("starlette", 409, "busy there", {"x-why": "work"}),
        ("werkzeug", 429, "too fast", {"retry-after": "7"}),
        ("ours", 418, "no tea", {"x-why": "pot"}),
        ("ours bare", 404, "Not Found", {}),
    ],
)
def test_an_exception_that_carries_a_status(
    predict: Predict, how: str, status: int, reason: str, headers: dict[str, str]
) -> None:
    answer = predict("raises", params={"how": how})
    body = problem(answer, status)
    assert (answer.reason_phrase, body["title"], body["detail"]) == (reason, reason, reason)
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert answer.headers["content-length"] == str(len(answer.content))


def test_an_exception_with_words_for_the_body(predict: Predict) -> None:
    answer = predict("raises", params={"how": "aiohttp text"})
    assert answer.reason_phrase == "Bad Request"
    assert problem(answer, 400)["detail"] == "the picture is too dark"


def test_an_exception_with_its_framework_s_words(predict: Predict) -> None:
    assert problem(predict("raises", params={"how": "werkzeug bare"}), 503)["detail"].startswith(UNAVAILABLE)


def test_not_implemented_is_501(predict: Predict) -> None:
    answer = predict("raises", params={"how": "not implemented"})
    assert problem(answer, 501)["detail"] == "Not implemented by underlying model"


@pytest.mark.parametrize(
    ("how", "detail"),
    [("value", "a secret is 42"), ("no message", "KeyError"), ("broken", "Broken"), ("exit", "3")],
)
def test_any_other_exception_is_500_with_its_message(
    predict: Predict, site: Server, how: str, detail: str
) -> None:
    start = len(site.lines)
    body = problem(predict("raises", params={"how": how}), 500)
    assert body["detail"] == detail
    site.wait_for_log(f"{body['request_id']}: raises failed", start=start)
    site.wait_for_log("returning_models.py", start=start)  # the traceback is in the log, and only there


def test_an_unknown_model_is_404(predict: Predict) -> None:
    assert "old" in problem(predict("nobody"), 404)["detail"]


def test_a_request_id_is_in_every_answer(predict: Predict) -> None:
    ids = [predict("old", json={"count": count}).headers["x-request-id"] for count in (1, 1, 11)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/v2/models/raises/predikt/", "/v2/models/raises/predict"),
        ("/v2/model/raises/predict", "/v2/models/raises/predict"),
        ("/models/raises/predict", "/v2/models/raises/predict"),
        ("/v2/v2/models/raises", "/v2/models/raises"),
        ("/v2/job", "/v2/jobs"),
        ("/helth", "/health"),
    ],
)
def test_a_path_that_is_misspelt_is_told_the_one_that_is_near(site: Server, asked: str, meant: str) -> None:
    detail = problem(site.client.get(asked), 404)["detail"]
    assert detail.startswith(f"there is nothing at this path; did you mean {meant!r}"), detail


@pytest.mark.parametrize("asked", ["/", "/nowhere", "/a/b/c/d/e/f", "/v2/" + "x/" * 200, "/%00/%ff/x/y"])
def test_a_path_that_is_near_none_is_told_none(site: Server, asked: str) -> None:
    answer = site.client.get(asked, follow_redirects=False)
    assert "did you mean" not in answer.text


def test_a_model_that_is_misspelt_is_told_the_one_that_is_near(site: Server) -> None:
    detail = problem(site.client.get("/v2/models/Raise/"), 404)["detail"]
    assert detail.startswith("there is no model 'Raise'; there is: ")
    assert "; did you mean 'raises'" in detail
