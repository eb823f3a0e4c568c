"""An action's container of OpenWhisk: the cases of its test-suite of runtimes, and what models need besides.

What is asked here is what `BasicActionRunnerTests` and the page on new runtimes ask of a container, which is
a process here.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import MODELS, START_SECONDS, environment, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
SERVING = re.compile(r"serving .* on (http://\S+)")


class Container:
    """A server whose streams go to files, as the platform keeps them. `runs` counts the activations."""

    def __init__(self, url: str, folder: Path):
        self.client = httpx.Client(base_url=url, timeout=60)
        self.folder = folder
        self.runs = 0

    def init(self, **value: Any) -> tuple[int, Any]:
        answer = self.client.post("/init", json={"value": {"name": "action", "binary": False, **value}})
        return answer.status_code, answer.json()

    def run(self, value: Any, **context: Any) -> tuple[int, Any]:
        self.runs += 1
        answer = self.client.post("/run", json={"value": value, **context})
        return answer.status_code, answer.json()

    def stream(self, name: str) -> str:
        return (self.folder / name).read_text()

    def last(self, name: str) -> str:
        """What stands on a stream of the last activation, which the sentinel has ended."""
        *before, last, rest = self.stream(name).split(f"{SENTINEL}\n")
        assert (len(before) + 1, rest) == (self.runs, "")
        return last


@contextmanager
def container(folder: Path, *command: str, **variables: str) -> Iterator[Container]:
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelport", *command], stdout=stdout, stderr=stderr,
            env=environment(MODELPORT_PORT="0", MODELPORT_LOG_FILE=str(folder / "log"), **variables),
        )  # fmt: skip
    try:
        log = folder / "log"
        wait_until(
            lambda: log.exists() and SERVING.search(log.read_text()) is not None,
            lambda: (folder / "stderr").read_text(),
            START_SECONDS,
        )
        found = SERVING.search(log.read_text())
        assert found is not None
        running = Container(found[1].replace("0.0.0.0", "127.0.0.1"), folder)
        with running.client:
            yield running
    finally:
        process.terminate()
        assert process.wait(START_SECONDS) == 0


@pytest.fixture(scope="module")
def action(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    command = ("serve", "Echo=actions:Echo", "--openwhisk", "--auth", "off")
    with container(folder, *command) as running:
        early = running.run({})
        assert early == (403, {"error": "Cannot run the action before it is initialized."})
        assert running.init(main="main", code="def main(args): return args")[0] == 502
        assert running.init(main="other")[0] == 502
        assert running.init(main="main", code="") == (200, {"ok": True})
        yield running


def test_it_asks_who_initializes_and_runs_it(tmp_path: Path) -> None:
    """Where `auth` is on: a platform says nobody's name, so it is off in what it runs."""
    data = tmp_path / "data"
    store = DatabaseKeys(Settings(data_dir=str(data)))
    with serving(
        f"Echo={MODELS / 'actions.py'}:Echo", "--openwhisk", "--auth", "on", "--data-dir", str(data)
    ) as server:
        keys: dict[str, str] = {}
        for scope in ("predict", "read", "admin"):
            asked = {"name": scope, "scopes": [scope], "models": None, "expires": None}
            keys[scope] = store.create(asked)["key"]

        def status(path: str, who: str) -> int:
            headers = {"x-api-key": keys[who]} if who else {}
            return server.client.post(path, json={"value": {}}, headers=headers).status_code

        wait_until(lambda: status("/init", "admin") == 200, lambda: server.log)
        assert [status("/run", who) for who in ("", "read", "predict", "admin")] == [401, 403, 200, 200]
        assert [status("/init", who) for who in ("", "read", "predict")] == [401, 403, 403]


def test_it_is_initialized_once(action: Container) -> None:
    words = "Cannot initialize the action more than once."
    assert action.init(main="main") == (403, {"error": words})
    log = action.folder / "log"
    wait_until(lambda: words in log.read_text(), log.read_text, START_SECONDS)


@pytest.mark.parametrize(
    "value",
    [{"string": "hello"}, {"string": "❄ ☃ ❄"}, {"numbers": [42, 1]}, {"object": {"a": "A"}}, {}],
)
def test_it_gives_back_what_it_is_given_and_speaks_on_both_streams(action: Container, value: Any) -> None:
    assert action.run(value) == (200, value)
    assert action.last("stdout").strip() == "hello stdout"
    assert action.last("stderr") == "hello stderr\n"


def test_snow_falls_everywhere(action: Container) -> None:
    assert action.run({"delimiter": "❄"}) == (200, {"winter": "❄ ☃ ❄"})
    assert "hello stdout ❄" in action.last("stdout")


def test_a_large_argument_comes_whole(action: Container) -> None:
    value = {"string": "a" * 1048561}
    assert action.run(value) == (200, value)


def test_what_is_no_dictionary_is_an_error(action: Container) -> None:
    said = {"error": "The action did not return a dictionary or array."}
    assert action.run({"bare": True}) == (502, said)
    said = {"error": "The action did not receive a dictionary as an argument."}
    assert action.run([1]) == (404, said)
    action.runs += 1
    assert action.client.post("/run", content=b"[", headers={"Content-Type": "application/json"}).json() == {
        "error": "the body is no JSON object"
    }
    assert (action.last("stdout"), action.last("stderr")) == ("", "")


def test_errors_of_the_model_are_told(action: Container) -> None:
    status, said = action.run({"fails": True})
    assert (status, list(said)) == (502, ["error"])
    assert "no snow today" in said["error"]
    status, said = action.run({"strin": "x"})
    assert status == 502
    assert "did you mean 'string'" in said["error"]


def test_an_activation_ends_at_its_deadline_and_the_next_one_runs(action: Container) -> None:
    status, said = action.run({"hangs": True}, deadline=int((time.time() + 1) * 1000))
    assert (status, list(said)) == (502, ["error"])
    assert action.run({"string": "next"}, deadline="123") == (200, {"string": "next"})


def web(content_type: str, body: bytes, query: str = "", **bound: Any) -> dict[str, Any]:
    """What a raw web action is given."""
    headers = {"Content-Type": content_type, "accept": "*/*"}
    encoded = base64.b64encode(body).decode()
    return {
        "__ow_method": "post", "__ow_headers": headers, "__ow_path": "", "__ow_query": query,
        "__ow_body": encoded, **bound,
    }  # fmt: skip


def test_a_raw_web_action_is_a_request_of_any_kind(action: Container) -> None:
    status, said = action.run(web("application/json", b'{"numbers": [1, 2]}', "string=asked"))
    assert (status, said["statusCode"], said["body"]) == (200, 200, {"string": "asked", "numbers": [1, 2]})
    form = httpx.Request("POST", "http://any.test/", files={"file": ("a.txt", b"words")}, data={})
    sent = web(form.headers["content-type"], form.read(), string="bound")
    status, said = action.run(sent)
    assert (status, said.get("body", said)) == (200, {"read": "words", "string": "bound"})
    assert said["headers"] == {"Content-Type": "application/json"}
    status, said = action.run(web("application/json", b'{"numbers": "x"}'))
    assert (status, said["statusCode"]) == (200, 400)
    assert "numbers" in said["body"]["error"]
    status, said = action.run({"__ow_method": "get", "__ow_headers": {}, "__ow_path": "", "string": "read"})
    assert (status, said["body"]) == (200, {"string": "read"})
    broken = web("image/png", b"") | {"__ow_body": "no base64!"}
    assert action.run(broken)[0] == 502


def test_a_packaged_action_has_its_variables_before_it_is_loaded(tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "models" / "actions.py"
    command = [sys.executable, "-m", "modelport", "openwhisk", "package", f"Variables={source}:Variables"]
    for status in (0, 1):  # what is there is not written over
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == status, done.stderr
    image = tmp_path / "action"
    assert (image / "requirements.txt").read_text().startswith("modelport==")
    said = (image / "Dockerfile").read_text().replace("\\\n", "")
    assert (image / "model" / "actions.py").read_bytes() == source.read_bytes()
    settings = dict(part.split("=") for part in re.search(r"^ENV (.*)$", said, re.M)[1].split())  # type: ignore[index]
    assert settings.pop("MODELPORT_PORT") == "8080"
    _, *serve = json.loads(re.search(r"^CMD (.*)$", said, re.M)[1])  # type: ignore[index]
    serve = [part.replace("/srv/", f"{shlex.quote(str(image / 'model'))}/") for part in serve]
    own = settings | {"MODELPORT_DATA_DIR": str(tmp_path / "data"), "MODELPORT_LOG_LEVEL": "info"}
    with container(tmp_path, *serve, **own, __OW_API_HOST="xyz") as running:
        env = {"ARRAY": ["a"], "OBJECT": {"a": "A"}, "STRING": "xyz", "NUMBER": 3, "BOOL": True, "NULL": None}
        assert running.init(main="Variables", env=env) == (200, {"ok": True})
        context = {"api_key": "abc", "namespace": "zzz", "action_name": "xxx", "activation_id": "iii"}
        status, said = running.run({}, **context, deadline="123")
        assert status == 200
        assert json.loads(said["ARRAY"]) == ["a"]
        assert json.loads(said["OBJECT"]) == {"a": "A"}
        texts = [said[name] for name in ("STRING", "NUMBER", "BOOL", "NULL", "LOADED_WITH")]
        assert texts == ["xyz", "3", "true", "", "xyz"]
        around = {f"__OW_{name.upper()}": text for name, text in context.items()}
        assert {name: said[name] for name in around} == around
        assert (said["__OW_API_HOST"], said["__OW_DEADLINE"]) == ("xyz", "123")
        assert (running.last("stdout"), running.last("stderr")) == ("", "")


def test_no_other_server_has_it() -> None:
    with serving("Echo=actions:Echo", wait=False) as server:
        assert server.client.post("/init", json={}).status_code == 404
        assert server.client.post("/run", json={}).status_code == 404
