"""A whole service as one file, and settings of one model on the command line: the server that they make."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli_process import modelport
from serving import Server, serving, wait_until

SLOW = """
import time

def predict(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
SERVICE = """
sources = ["plain=code/slow.py"]
data_dir = "kept"

[models.hasty]
source = "code/slow.py"
timeout = 0.3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    (folder / "code").mkdir()
    (folder / "code" / "slow.py").write_text(SLOW)
    (folder / "service.toml").write_text(SERVICE)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(str(folder / "service.toml"), "--model", "plain:workers=2", MODELPORT_WORKERS="1") as server:
        yield server


def test_a_service_is_one_file_whose_paths_begin_where_it_is(server: Server) -> None:
    listed = server.client.get("/v2/models/").json()["models"]
    assert [model["name"] for model in listed] == ["plain", "hasty"]


def test_a_setting_of_one_model_holds_for_that_model_alone(server: Server) -> None:
    late = server.client.post("/v2/models/hasty/predict", json={"seconds": 30})
    assert (late.status_code, "longer than 0.3 s" in late.text) == (504, True)
    assert server.client.post("/v2/models/plain/predict", json={"seconds": 0.5}).json() == 0.5


def test_a_model_has_the_workers_that_an_option_gives_it(server: Server) -> None:
    def workers() -> int:
        children = psutil.Process(server.process.pid).children()
        return sum("modelport.worker" in child.cmdline() for child in children)

    wait_until(lambda: workers() == 3, lambda: f"{workers()} workers\n{server.log}")


def test_other_models_with_the_settings_of_a_service_are_those_of_the_command(folder: Path) -> None:
    with serving("code/slow.py", "--config", "service.toml", cwd=folder) as server:
        assert [model["name"] for model in server.client.get("/v2/models/").json()["models"]] == ["slow"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["service.toml", "code/slow.py"], "service.toml: a file of settings names its models itself"),
        (["service.toml", "--config", "b.toml"], "service.toml: there is a second file of settings, b.toml"),
        (["nothere.toml"], "nothere.toml: there is no such file"),
        (["mine=service.toml"], "service.toml: a file of settings names its models itself; leave mine= out"),
        (["service.toml", "--model", "hastie:workers=2"], "is called 'hastie'; did you mean 'hasty'?"),
        (["service.toml", "--model", "hasty:wokers=2"], "'wokers' of one model; did you mean 'workers'?"),
        (["service.toml", "--model-name", "hast"], "no model is called 'hast' (there is: plain, hasty)"),
    ],
)  # fmt: skip
def test_a_mistake_ends_the_start_with_what_to_do(folder: Path, arguments: list[str], said: str) -> None:
    done = modelport("serve", "--port", "0", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_one_model_alone_may_be_trusted(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(len))
    done = modelport(
        "serve", "--port", "0", "--model", "mine:trust=true", "mine.pkl", "theirs.pkl", cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: theirs.pkl")


SHOWN = """
timeout = 30
webhook_secret = "whsec_1234"

[environment]
TOKEN = "1234"

[models.hasty]
source = "code/hasty.py"
timeout = 0.3
"""
HASTY = """
import modelport

class Hasty(modelport.Model):
    queue_size = 3
    timeout = 5
    environment = {"MORE": "1234"}

    async def predict(self) -> int:
        return 1
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    (folder / "code").mkdir()
    (folder / "code" / "hasty.py").write_text(HASTY)
    (folder / "service.toml").write_text(SHOWN)
    return folder


def test_config_says_what_holds_and_where_it_was_written(shown: Path) -> None:
    file = shown / "service.toml"
    asked = ["config", str(file), "--json", "--model", "hasty:workers=2", "--port", "81"]
    asked += ["--auth", "on", "--limits", "role:user=rate 9/m"]
    done = modelport(*asked, MODELPORT_LOAD_TIMEOUT="5")
    said = json.loads(done.stdout)
    assert said["settings"]["timeout"] == {"value": 30.0, "from": f"{file}: timeout"}
    assert said["settings"]["port"] == {"value": 81, "from": "--port"}
    assert said["settings"]["limits"] == {"value": {"role:user": "rate 9/m"}, "from": "--limits"}
    assert said["settings"]["load_timeout"] == {"value": 5.0, "from": "MODELPORT_LOAD_TIMEOUT"}
    assert said["settings"]["queue_size"] == {"value": 1000, "from": "default"}
    hasty = said["models"]["hasty"]
    assert hasty["source"] == {"value": str(shown / "code/hasty.py"), "from": f"{file}: models.hasty.source"}
    assert hasty["workers"] == {"value": 2, "from": "--model hasty:workers"}
    assert hasty["timeout"] == {"value": 0.3, "from": f"{file}: models.hasty.timeout"}
    assert hasty["load_timeout"] == {"value": 5.0, "from": "MODELPORT_LOAD_TIMEOUT"}
    assert hasty["queue_size"] == {"value": 1000, "from": "default"}


def test_config_loads_models_for_what_they_say_of_themselves(shown: Path) -> None:
    done = modelport("config", "service.toml", "--json", "--load", "--queue-size", "4", cwd=shown)
    hasty = json.loads(done.stdout)["models"]["hasty"]
    assert hasty["max_concurrency"] == {"value": 64, "from": "the model"}
    assert hasty["queue_size"] == {"value": 4, "from": "--queue-size"}
    assert hasty["timeout"]["value"] == 0.3
    assert hasty["environment"]["value"] == {"TOKEN": "(hidden)", "MORE": "(hidden)"}


def test_config_shows_no_secret_and_says_how_to_see_more(shown: Path) -> None:
    done = modelport("config", "service.toml", cwd=shown)
    assert (done.returncode, done.stderr) == (0, "")
    assert "webhook_secret" in done.stdout
    assert "TOKEN = (hidden)" in done.stdout
    assert "1234" not in done.stdout
    assert "--load does that" in done.stdout.splitlines()[-1]


def test_config_refuses_what_serve_refuses(shown: Path) -> None:
    done = modelport("config", "service.toml", "--model", "hastie:workers=2", cwd=shown)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no model is called 'hastie'; did you mean 'hasty'?" in done.stderr
