"""Models that return, yield or raise what no response can carry (rows J11, S5)."""

from __future__ import annotations

import pytest
from bad_target import Reply, Target

SERVED = ("values", "outputs", "raises", "streams")
EVENTS = {"accept": "text/event-stream"}


@pytest.mark.parametrize(
    ("which", "answer"),
    [
        ("nan", None),
        ("infinity", [None, {"x": None}]),
        ("numpy", {"scalar": 0.5, "array": [[1, 2]], "nan": None}),
        ("bytes inside", {"raw": "/w=="}),
        ("set", [1]),
        ("keys", {"1": "a", "null": "b", "(1, 2)": "c"}),
        ("large integer", 2**70),
        ("long", "x" * (20 << 20)),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 50 else "",
)
def test_an_odd_answer_has_a_documented_form(site: Target, which: str, answer: object) -> None:
    assert site.predict("outputs", json={"which": which}).result == answer


@pytest.mark.log_lines(120)
def test_an_object_whose_only_text_is_an_address_is_no_answer(site: Target) -> None:
    start = len(site.server.lines)
    assert site.predict("outputs", json={"which": "object"}).status == 500
    site.server.wait_for_log("object has no form in JSON", start=start)


@pytest.mark.log_lines(120)
@pytest.mark.parametrize("which", ["cycle", "deep", "surrogate", "surrogate key", "unprintable"])
def test_an_answer_that_json_cannot_carry_is_500_and_says_why(site: Target, which: str) -> None:
    start = len(site.server.lines)
    reply = site.predict("outputs", json={"which": which})
    assert (reply.status, reply.headers["content-type"]) == (500, "application/problem+json")
    assert "the model's answer is wrong: it cannot be encoded as JSON" in reply.json["detail"]
    site.server.wait_for_log("AnswerInvalid", start=start)


@pytest.mark.log_lines(150)
@pytest.mark.parametrize("how", ["too_deep", "leave", "interrupt", "unprintable", "stop"])
def test_a_model_that_ends_oddly_fails_one_call_and_stays(site: Target, how: str) -> None:
    """The oracle then finds the same worker alive."""
    reply = site.predict("raises", json={"how": how})
    assert (reply.status, reply.headers["content-type"]) == (500, "application/problem+json")


def events(reply: Reply) -> list[tuple[str, str]]:
    """Name and data of each event, read as browsers do (WHATWG HTML, 9.2.6)."""
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    text = reply.body.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    assert text.endswith("\n\n")
    found: list[tuple[str, str]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = "message", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            assert field in ("", "event", "data"), line
            if field == "event":
                name = value.removeprefix(" ")
            elif field == "data":
                data.append(value.removeprefix(" "))
        found.append((name, "\n".join(data)))
    return found


def stream(site: Target, which: str) -> Reply:
    return site.predict("streams", json={"which": which}, headers=EVENTS)


@pytest.mark.parametrize(
    ("which", "middle"),
    [
        ("newlines", ["a\n\nb", "c\n\nd", "e\nevent: error\n\nf"]),
        ("fields", ["data: x", "event: done\nid: 7", ": comment"]),
        ("nul", ["a\N{REPLACEMENT CHARACTER}b", "\ufeffbom"]),
        ("surrogate", ["?"]),
        ("bytes", ["\N{REPLACEMENT CHARACTER}\n\n\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_no_text_ends_its_event_early_or_names_another(site: Target, which: str, middle: list[str]) -> None:
    texts = ["first", *middle, "last"]
    assert events(stream(site, which)) == [("message", text) for text in texts]


@pytest.mark.log_lines(60)
def test_a_stream_that_fails_midway_says_so_in_one_event_and_ends(site: Target) -> None:
    found = events(stream(site, "raises"))
    assert found[0] == ("message", "first")
    assert [name for name, _ in found] == ["message", "error"]
    assert found[1][1].startswith("midway")


@pytest.mark.log_lines(60)
def test_an_event_over_the_limit_is_an_error_event(site: Target) -> None:
    found = events(stream(site, "too large"))
    assert [name for name, _ in found] == ["message", "error"]
    assert "limit" in found[1][1]
