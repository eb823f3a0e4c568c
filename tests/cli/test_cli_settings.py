"""Settings by options, variables and files: which wins, and what is said of one that cannot be used."""

from __future__ import annotations

import dataclasses
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from cli_process import MODELS, installed, modelport
from serving import serving

from modelport.cli.serve_command import GROUPS
from modelport.configuration import SettingsError, load_settings, mistyped_variables
from modelport.settings import Settings

ECHO = f"Echo={MODELS}:Echo"


def written(folder: Path, text: str, name: str = "settings.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_an_option_wins_over_a_variable_and_a_variable_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'base_path = "/file"\nqueue_size = 7\ndebug-endpoint = true\nport = 1\n')
    variables = {"MODELPORT_BASE_PATH": "/variable", "MODELPORT_QUEUE_SIZE": "8", "MODELPORT_CONFIG": file}
    settings = load_settings({"base_path": "/option"}, None, variables)
    assert (settings.base_path, settings.queue_size, settings.debug_endpoint) == ("/option", 8, True)
    assert load_settings({}, file, {}).queue_size == 7
    assert load_settings({}, None, {}).queue_size == 1000
    # The same through a real server, in DEEPaaS's spelling.
    with serving(ECHO, "--base-path", "/option", "--listen-ip", "127.0.0.1", **variables) as server:
        assert server.url.endswith("/option")
        assert server.client.get("/v2/debug/").status_code == 200  # by the file


def test_deepaas_names_are_settings_too(tmp_path: Path) -> None:
    file = written(tmp_path, "[DEFAULT]\nlisten-ip = 127.0.0.2\nlisten-port = 81\nmodel-name = a\n", "d.ini")
    settings = load_settings({}, file, {"DEEPAAS_V2_MODEL": "b"})
    assert (settings.host, settings.port, settings.model_name) == ("127.0.0.2", 81, "b")
    both = {"DEEPAAS_V2_MODEL": "b", "MODELPORT_MODEL_NAME": "c"}
    assert load_settings({}, file, both).model_name == "c"


def test_deepaas_v2_model_picks_one_of_the_installed_models(tmp_path: Path) -> None:
    variables = installed(tmp_path / "site", one="cli_models:Echo", two="cli_models:Media")
    with serving("--listen-port", "0", "--notrain-endpoint", DEEPAAS_V2_MODEL="two", **variables) as server:
        assert [m["name"] for m in server.client.get("/v2/models/").json()["models"]] == ["two"]
        assert server.client.post("/v2/models/two/train/").status_code == 402


WRONG_FILES = {
    "unknown": ('prot = 1\n', "there is no setting 'prot'; did you mean 'port'?"),
    "unlike any": ('zebra = 1\n', "there is no setting 'zebra'; `modelport serve --help` lists them"),
    "a wrong type": ('port = "http"\n', "port: 'http' is not a value of type int"),
    "a number cut": ("port = 80.5\n", "port: 80.5 is not a value of type int"),
    "a switch": ('warm = "perhaps"\n', "warm: 'perhaps' is not a value of type bool"),
    "a list": ("sources = 3\n", "sources: 3 is not a list of texts"),
    "no TOML": ("port = \n", "it is not valid TOML"),
    "out of range": ("port = 65536\n", "port: 65536 is not between 0 and 65535"),
    "negative": ("timeout = -1.0\n", "timeout: -1.0 is not a number of 0 or more"),
    "no level": ('log_level = "loud"\n', "log_level: 'loud' is none of debug, info, warning, error"),
    "no duration": ('keep_jobs = "a month"\n', "keep_jobs: 'a month' is no duration; write for example 30d"),
    "a secret, no text": ("webhook_secret = 1234\n", "webhook_secret: the value is not a value of type"),
    "another database": (
        'database_url = "mysql://me:hidden@there/x"\n',
        "database_url: the value is no address of a PostgreSQL; write postgresql://user:password@host:5432/name",
    ),
    "no queue": ("queue_size = 0\n", "queue_size: 0 is too small"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_cannot_be_used_is_named_with_the_key(tmp_path: Path, name: str) -> None:
    text, said = WRONG_FILES[name]
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, file, {})
    assert str(caught.value).startswith(file)
    assert said in str(caught.value)
    assert "1234" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_secrets_are_in_no_text_of_the_settings() -> None:
    variables = {
        "MODELPORT_WEBHOOK_SECRET": "whsec_1234",
        "MODELPORT_DATABASE_URL": "postgresql://me:1234@there/jobs",
        "MODELPORT_KEEP_JOBS": "12h",
    }
    settings = load_settings({}, None, variables)
    assert settings.webhook_secret == "whsec_1234"
    assert settings.database_url == "postgresql://me:1234@there/jobs"
    assert "1234" not in repr(settings)
    assert "keep_jobs='12h'" in repr(settings)


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        ({"port": "70000"}, {}, "--port: '70000' is not between 0 and 65535"),
        ({"json_depth": "deep"}, {}, "--json-depth: 'deep' is not a value of type int"),
        (
            {},
            {"MODELPORT_PORT": "tcp://10.0.0.1:5000"},
            "MODELPORT_PORT: 'tcp://10.0.0.1:5000' is not a value",
        ),
        ({}, {"MODELPORT_WARM": "2"}, "MODELPORT_WARM: '2' is not a value of type bool"),
        (
            {"allow_origins": ("good.example",)},
            {},
            "--allow-origins: ('good.example',) cannot be used: 'good",
        ),
        (
            {"allow_hosts": ("a.example:80",)},
            {},
            "--allow-hosts: ('a.example:80',) cannot be used: 'a.example:80",
        ),
        ({}, {"MODELPORT_TIMEOUT": "nan"}, "MODELPORT_TIMEOUT: 'nan' is not a number of 0 or more"),
    ],
)
def test_a_wrong_value_is_named_with_where_it_stands(
    options: dict[str, Any], variables: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=r"^[A-Z-]") as caught:
        load_settings(options, None, variables)
    assert str(caught.value).startswith(said)


def test_a_value_may_be_written_as_people_write_it() -> None:
    variables = {"MODELPORT_WARM": "Off", "MODELPORT_ALLOW_HOSTS": "a, b", "MODELPORT_LOG_LEVEL": "WARNING"}
    settings = load_settings({}, None, variables)
    assert (settings.warm, settings.allow_hosts, settings.log_level) == (False, ["a", "b"], "warning")


def test_a_mistyped_variable_is_pointed_out_and_a_foreign_one_is_not() -> None:
    variables = {"MODELPORT_PROT": "1", "MODELPORT_SERVICE_HOST": "10.0.0.1", "MODELPORT_PORT": "1"}
    assert mistyped_variables(variables) == {"MODELPORT_PROT": "MODELPORT_PORT"}


def test_serve_ends_with_status_2_for_settings_it_cannot_use(tmp_path: Path) -> None:
    done = modelport("serve", ECHO, "--config", str(tmp_path / "none.toml"), MODELPORT_PROT="1")
    assert done.returncode == 2
    assert "none.toml: there is no such file" in done.stderr
    assert "MODELPORT_PROT is no setting; did you mean MODELPORT_PORT?" in done.stderr
    done = modelport("serve", ECHO, MODELPORT_WORKERS="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "MODELPORT_WORKERS: 'many' is not a value of type int" in done.stderr


def test_serve_ends_with_status_3_where_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = modelport("serve", ECHO, "--listen-port", port)
    assert done.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "--port names another, --port 0 takes a free one" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_help_names_every_setting_and_deepaas_spelling() -> None:
    said = modelport("serve", "--help").stdout
    for flag in ("--host, --listen-ip", "--port, --listen-port", "--model-name", "--nowarm", "-p, --workers",
                 "-d, --debug", "--config-file", "--queue-size"):  # fmt: skip
        assert flag in said
    for field in dataclasses.fields(Settings):
        assert field.name == "sources" or f"--{field.name.replace('_', '-')}" in said
    headings = re.findall(r"^(\w.*):$", said, re.MULTILINE)
    assert headings == ["Options", *list(GROUPS.values())[1:]], "each option stands below its heading"
