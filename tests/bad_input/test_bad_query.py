"""Query strings, urlencoded forms and paths (rows Q1-Q4, V4)."""

from __future__ import annotations

import pytest
from bad_target import PREDICT, Target

SERVED = ("values", "legacy")
FORM = "application/x-www-form-urlencoded"
MODELS = pytest.mark.parametrize("model", ["values", "legacy"])


@MODELS
@pytest.mark.parametrize(
    "pairs", [b"text=%", b"text=%zz", b"text=%ff", b"text=%00", b"text=%c0%af", b"%00=a"]
)
def test_a_broken_escape_is_refused(site: Target, model: str, pairs: bytes) -> None:
    assert site.send("POST", f"{PREDICT.format(model)}?{pairs.decode()}").status == 400
    assert site.json(model, pairs, FORM).status == 400


@MODELS
def test_only_an_ampersand_separates_fields(site: Target, model: str) -> None:
    assert site.json(model, b"text=a;number=5", FORM).result["text"] == "a;number=5"
    assert site.send("POST", f"{PREDICT.format(model)}?text=a;number=5").result["text"] == "a;number=5"


def test_a_repeated_scalar_is_its_first_value_as_in_deepaas_and_the_answer_says_so(site: Target) -> None:
    for reply in (
        site.send("POST", f"{PREDICT.format('legacy')}?text=a&text=b"),
        site.json("legacy", b"text=a&text=b", FORM),
    ):
        assert reply.result["text"] == "a"
        assert "argument 'text' came 2 times, and only the first was read" in reply.headers["warning"]


def test_a_repeated_scalar_of_a_typed_model_is_refused_by_its_name(site: Target) -> None:
    for reply in (
        site.send("POST", f"{PREDICT.format('values')}?text=a&text=b"),
        site.json("values", b"text=a&text=b&number=1", FORM),
    ):
        assert reply.status == 422
        assert reply.json == {"text": ["It came 2 times, and one value is meant; send it once."]}


@MODELS
@pytest.mark.parametrize("pairs", [b"&" * 3, b"text", b"&&text=&&"])
def test_odd_but_readable_pairs_are_read(site: Target, model: str, pairs: bytes) -> None:
    assert site.json(model, pairs, FORM).result["text"] == ""


@pytest.mark.parametrize(("pairs", "name"), [(b"=", ""), (b"=x", ""), (b"%26=%3D", "&")])
def test_pairs_of_no_arguments_name_are_unknown(site: Target, pairs: bytes, name: str) -> None:
    assert site.json("legacy", pairs, FORM).result["text"] == ""
    reply = site.json("values", pairs, FORM)
    assert (reply.status, list(reply.json)) == (422, [name])


@MODELS
def test_more_than_a_thousand_fields_are_refused(site: Target, model: str) -> None:
    most = site.json(model, b"&".join([b"text=1"] * 1000), FORM)
    assert (most.status, "1000 times" in most.body.decode() + str(most.headers)) in ((200, True), (422, True))
    assert site.json(model, b"&".join([b"text=1"] * 1001), FORM).status == 400
    assert site.json(model, b"&".join([b"k%d=1" % i for i in range(100_000)]), FORM).status == 400
    assert site.send("POST", f"{PREDICT.format(model)}?{'a=1&' * 1500}").status == 400


def test_a_form_over_the_limit_of_small_bodies_is_413(site: Target) -> None:
    assert site.json("values", b"text=" + b"x" * (10 << 20), FORM).status == 413


NO_NUMBERS = ["-1", "1000000000", "1e3", "1.5", "true", "", "five", "0x10", "1,0", "NaN", "9" * 5000]


@MODELS
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: text[:12])
def test_text_that_is_no_number_in_range_is_an_argument_error(site: Target, model: str, text: str) -> None:
    for request in ({"params": {"number": text}}, {"data": {"number": text}}):
        reply = site.predict(model, **request)
        assert (reply.status, list(reply.json)) == (422, ["number"])


@pytest.mark.parametrize("text", ["٣", "𝟙", "５"], ids=ascii)
def test_a_typed_number_is_in_ascii_digits(site: Target, text: str) -> None:
    for request in ({"params": {"number": text}}, {"data": {"number": text}}):
        reply = site.predict("values", **request)
        assert (reply.status, list(reply.json)) == (422, ["number"])


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-01T00:00:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00+99:99",
        "0000-01-01T00:00:00Z",
        "9999999-01-01T00:00:00Z",
        "now",
        "",
    ],
)
def test_a_time_that_does_not_exist_is_an_argument_error(site: Target, text: str) -> None:
    for request in ({"params": {"at": text}}, {"data": {"at": text}}, {"json": {"at": text}}):
        reply = site.predict("values", **request)
        assert (reply.status, list(reply.json)) == (422, ["at"])


NOWHERE = [
    "/v2/models/..%2f/predict/",
    "/v2/models/%2e%2e/predict/",
    "/v2/models/../../etc/passwd",
    "/v2/models/values/../values/predict/",
    "/v2/models/./predict/",
    "/v2/models//predict/",
    "/v2//models/",
    "/v2/models/values%00/predict/",
    "/v2/models/..%252f..%252fetc%252fpasswd/",
    "/v2/models/....//....//etc/passwd",
    "/v2/models/%5c..%5c..%5cetc/",
    "/v2/models/%2fetc%2fpasswd/",
    "/v2/models/%f0%9f%90%88/",
    "/v2/models/%ff/",
    "/v2/models/" + "a" * 8000,
    "/v2/models/VALUES/",
    "/v2/models/values/train/..%2f..%2f",
    "//evil.example/v2/",
    "//evil.example/..",
    "/%5cevil.example/",
    "/static/..%2f..%2f..%2fpyproject.toml",
    "/static/%2e%2e/%2e%2e/app.py",
    "/static/....//app.py",
    "/static//etc/passwd",
    "/static/..%5c..%5capp.py",
    "/static/%00",
    "/static/swagger/../../../app.py",
    "/static/swagger/",
]


@pytest.mark.parametrize("path", NOWHERE, ids=lambda path: path[:40])
def test_a_path_that_names_nothing_is_404_and_leads_nowhere(site: Target, path: str) -> None:
    statuses: list[int] = []
    for method in ("GET", "POST"):
        reply = site.raw(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        assert "location" not in reply.headers
        statuses.append(reply.status)
    assert sorted(statuses) in ([404, 404], [404, 405])


@pytest.mark.parametrize("path", ["/v2", "/v2/", "/v2/models", "/v2/models///", "/v2/models/values/"])
def test_slashes_at_the_end_do_not_matter_and_do_not_redirect(site: Target, path: str) -> None:
    assert site.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).status == 200
