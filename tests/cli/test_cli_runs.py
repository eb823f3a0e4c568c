"""`modelport runs …` against a running server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from cli_process import modelport
from trained_site import Site, trained


@pytest.fixture(scope="module")
def trained_site() -> Iterator[Site]:
    with trained() as site:
        yield site


@pytest.fixture
def site(trained_site: Site) -> Site:
    """The server, whose model is as its source has it."""
    trained_site.make_live(0)
    return trained_site


def runs(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    return modelport("runs", *arguments, MODELPORT_URL=site.url)


def of_m(site: Site, *arguments: str) -> str:
    """What the command says of the model."""
    done = runs(site, *arguments, "--model", "m")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_are_listed_with_the_number_of_their_order(site: Site) -> None:
    first, second, third = site.runs
    table = of_m(site).splitlines()
    assert table[0].split() == ["run", "version", "aliases", "f1:max", "params", "finished"]
    assert re.match(
        rf"{second} +2 +best +0.9 +f1=0.9 seed=8 save=file factor=3.0 .*… +20..-..-.. ..:..:..$", table[1]
    )
    assert re.match(rf"{first} +1 +0.5 +f1=0.5 ", table[2])
    assert re.match(rf"{third} +0.1 +f1=0.1 ", table[3])
    newest = of_m(site, "list", "--order-by", "newest", "-n", "1").splitlines()
    assert newest[0].split() == ["run", "version", "aliases", "params", "finished"]
    assert [line.split()[0] for line in newest[1:]] == [third]
    nested = of_m(site, "--order-by", "class.nlp.f1:min", "--top", "1").splitlines()
    assert re.match(rf"{third} +0.05 ", nested[1])
    body = site.server.client.get("/v2/models/m/runs").json()["runs"]
    assert json.loads(of_m(site, "--json")) == body
    assert "there are no runs" in runs(site, "--model", "n").stderr


def test_a_run_is_shown(site: Site) -> None:
    shown = of_m(site, "show", "best")
    for words in (f"run +{site.runs[1]}", "model +m", "version +2", "seed +8", "aliases +best",
                  "param factor +3.0", "metric loss +0.333333", "performance overall.f1 +0.9",
                  r"performance class.nlp.f1 +0.45", r"python +3\."):  # fmt: skip
        assert re.search(rf"^{words} *$" if "python" not in words else words, shown, re.MULTILINE), shown
    body = site.server.client.get(f"/v2/models/m/runs/{site.runs[1]}").json()
    assert json.loads(of_m(site, "show", site.runs[1], "--json")) == body


def test_words_of_a_run_play_no_tricks_on_the_terminal(site: Site) -> None:
    for shown in (of_m(site, "show", site.runs[2]), of_m(site, "compare", *site.runs)):
        assert r"\x1b[31m[bold]none" in shown
        assert "\x1b" not in shown


def test_runs_are_compared_by_what_differs_and_by_their_numbers(site: Site) -> None:
    table = of_m(site, "compare", site.runs[0], "best", site.runs[2])
    rows = {re.split(r"  +", line)[0]: re.split(r"  +", line.strip())[1:] for line in table.splitlines()}
    assert table.split()[:3] == site.runs
    assert rows["version"] == ["1", "2"]
    assert rows["param factor"] == ["2.0", "3.0", "4.0"]
    assert rows["param seed"] == ["7", "8", "7"]
    assert "param broken" not in rows
    assert rows["metric loss"] == ["0.333333"] * 3
    assert rows["performance overall.f1"] == ["0.5", "0.9", "0.1"]
    assert rows["performance class.nlp.f1"] == ["0.25", "0.45", "0.05"]
    done = runs(site, "compare", site.runs[0], "--model", "m")
    assert (done.returncode, "name two runs or more" in done.stderr) == (2, True)


def test_a_version_becomes_live_and_gives_its_place_back(site: Site) -> None:
    site.predict()
    said = of_m(site, "promote", "best")
    assert said.startswith("version 2 of m is live; before it was 0\n")
    for words in (
        "compared +[1-9]",
        "agreement +0%",
        "errors +0 before, 0 now",
        "an answer took +[0-9.]+ ms",
    ):
        assert re.search(rf"^{words}", said, re.MULTILINE), said
    assert site.live() == 2
    assert of_m(site, "promote", "2") == "version 2 of m was live already\n"
    assert of_m(site, "rollback") == "version 0 of m is live; before it was 2\n"
    assert site.live() == 0


def test_a_refused_promotion_is_exit_status_1_with_the_regressions(site: Site) -> None:
    site.predict()
    regression = "it agrees with the live version in 0%, not 90%"
    worse = ("promote", "1", "--min-agreement", "0.9", "--model", "m")
    done = runs(site, *worse)
    assert done.returncode == 1
    assert re.search(rf"^regression +{regression}", done.stdout, re.MULTILINE)
    assert f"version 1 is worse than the live one, which stays live: {regression}. " in done.stderr
    assert "--on-regression warn" in done.stderr
    assert site.live() == 0
    done = runs(site, *worse, "--on-regression", "warn")
    assert done.returncode == 0
    assert done.stdout.startswith("version 1 of m is live; before it was 0\n")
    assert re.search(rf"^regression +{regression}", done.stdout, re.MULTILINE)
    assert site.live() == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "lost", "--model", "m"), 1, "the model 'm' has no run 'lost'"),
        (("promote", "7", "--model", "m"), 1, "the model 'm' has no version 7"),
        (("rollback", "--model", "n"), 1, "no other version of 'n' was live before this one"),
        (("--order-by", "f1:up", "--model", "m"), 1, "write NAME:max or NAME:min"),
        ((), 2, "Missing option '--model': say which model: the server has m, n"),
        (("show", "", "--model", "m"), 2, "the id of a run must not be empty"),
        (("promote", "1", "--min-agreement", "2"), 2, "Invalid value for '--min-agreement'"),
        (("lost",), 2, "No such command 'lost'"),
    ],
)
def test_what_cannot_be_done_is_said(site: Site, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = runs(site, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in " ".join(done.stderr.split())


def test_where_no_server_answers() -> None:
    done = modelport("runs", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no server answers at http://127.0.0.1:9 " in done.stderr
    assert "--data-dir" not in done.stderr
