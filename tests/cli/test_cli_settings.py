"""Settings by options, variables and files: which wins, and what is said of one that cannot be used."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from cli_process import MODELS, installed, modelport
from serving import serving

from modelport.cli.serve_command import GROUPS
from modelport.settings.checking import declarations
from modelport.settings.reading import load_settings

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


def test_deepaas_v2_model_picks_one_of_the_installed_models(tmp_path: Path) -> None:
    variables = installed(tmp_path / "site", one="cli_models:Echo", two="cli_models:Media")
    with serving("--listen-port", "0", "--notrain-endpoint", DEEPAAS_V2_MODEL="two", **variables) as server:
        assert [m["name"] for m in server.client.get("/v2/models/").json()["models"]] == ["two"]
        assert server.client.post("/v2/models/two/train/").status_code == 402


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
    for name in declarations():
        assert name == "sources" or f"--{name.replace('_', '-')}" in said
    assert "--model NAME:SETTING=VALUE" in said
    headings = re.findall(r"^(\w.*):$", said, re.MULTILINE)
    assert headings == ["Options", *list(GROUPS.values())[1:]], "each option stands below its heading"


def test_serve_ends_with_status_4_where_the_log_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "none" / "server.log"
    done = modelport("serve", ECHO, "--port", "0", "--log-file", str(path))
    assert done.returncode == 4
    assert done.stderr.startswith(f"modelport: cannot write the log file {path}: No such file or directory;")
    assert "Traceback" not in done.stderr
