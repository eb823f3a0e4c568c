"""A service of OSCAR, as AI4OS deploys one: a script that calls DEEPaaS's programs for each file.

The script here does what that of the platform does with these programs, in words of its own: it asks for the
version, writes the files that stand in the input as base64, passes everything else as an option, and finds
the answer by what `deepaas-cli` has printed.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import SECONDS, installed
from serving import environment

SCRIPT = r"""
set -eu
echo "DEEPaaS $(deepaas-run --version)"
name=$(basename "$INPUT_FILE_PATH" .json)
python >service.log 2>&1 <<'PYTHON'
import base64, json, os, subprocess

said = subprocess.run(["deepaas-cli", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
version = [int(part) for part in said.strip().split("\n")[-1].split("-")[0].split(".")]
assert version >= [2, 5, 0], version
command = ["deepaas-cli", "--deepaas_method_output", os.environ["TMP_OUTPUT_DIR"] + "/answer", "predict"]
for key, value in json.load(open(os.environ["INPUT_FILE_PATH"])).items():
    if key != "oscar-files":
        command += ["--" + key, str(value)]
        continue
    for number, file in enumerate(value):
        path = f"input-{number}.{file['file_format']}"
        with open(path, "wb") as written:
            written.write(base64.b64decode(file["data"]))
        command += ["--" + file["key"], path]
subprocess.run(command)
PYTHON
if grep -q 'New output is' service.log; then
    mv "$(grep 'New output is' service.log | cut -f 5 -d ' ')" "$TMP_OUTPUT_DIR/$name.json"
fi
mv service.log "$TMP_OUTPUT_DIR/$name.log"
"""
MODEL = """
from pathlib import Path
from webargs import fields, validate

class Picture:
    def get_predict_args(self):
        return {
            "files": fields.Field(type="file", location="form", required=True),
            "top": fields.Int(missing=3),
            "share": fields.Float(missing=1.0),
            "accept": fields.Str(validate=validate.OneOf(["application/json", "image/png"])),
        }

    def predict(self, files, top, share, accept):
        data = Path(files.filename).read_bytes()
        if accept != "image/png":
            return {"read": data.decode(), "top": top, "share": share}
        made = Path("made.png")
        made.write_bytes(b"PNG of " + data)
        return made.open("rb")
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a container in which the model, its Python and DEEPaaS's programs are."""
    folder = tmp_path_factory.mktemp("container")
    variables = installed(folder / "site", picture="picture:Picture")
    (folder / "site" / "picture.py").write_text(MODEL)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    for name in ("deepaas-run", "deepaas-cli"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelport {name} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return environment() | variables | {"PATH": path}


def run(service: dict[str, str], folder: Path, parameters: dict[str, object]) -> tuple[Path, str]:
    """Let the service have a file with these parameters; its outputs, and what it has logged."""
    output = folder / "output"
    output.mkdir()
    event = folder / "event.json"
    event.write_text(json.dumps(parameters))
    done = subprocess.run(
        ["sh", "-c", SCRIPT],
        cwd=folder,
        env=service | {"INPUT_FILE_PATH": str(event), "TMP_OUTPUT_DIR": str(output)},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    log = (output / "event.log").read_text() if (output / "event.log").exists() else ""
    assert done.returncode == 0, done.stderr + log
    assert done.stdout == "DEEPaaS 2.6.0\n"
    return output, log


def file_of(content: bytes) -> dict[str, str]:
    return {"key": "files", "file_format": "txt", "data": base64.b64encode(content).decode()}


def test_the_answer_is_found_where_the_program_says(service: dict[str, str], tmp_path: Path) -> None:
    given = {"oscar-files": [file_of(b"words")], "top": 5, "share": 0.5}
    output, log = run(service, tmp_path, given)
    assert json.loads((output / "event.json").read_text()) == {"read": "words", "top": 5, "share": 0.5}
    assert "New output is" in log


def test_a_picture_comes_as_its_bytes(service: dict[str, str], tmp_path: Path) -> None:
    output, _ = run(service, tmp_path, {"oscar-files": [file_of(b"words")], "accept": "image/png"})
    assert (output / "event.json").read_bytes() == b"PNG of words"


def test_what_is_wrong_stands_in_the_log(service: dict[str, str], tmp_path: Path) -> None:
    output, log = run(service, tmp_path, {"oscar-files": [file_of(b"words")], "top": "many"})
    assert [path.name for path in output.iterdir()] == ["event.log"]
    assert "top" in log
    assert "many" in log or "integer" in log
    assert "Traceback" not in log
