"""What `modelport build` writes is an image that works: it is followed step by step in a fresh root."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import image_root
import image_rules
import installed_wheels
import pytest
from ports import free_port
from serving import environment, wait_until

MODEL = '''
"""A model that doubles."""
import os
import modelport
from twice_steps import step

class Twice(modelport.Model):
    def predict(self, number: int) -> int:
        """Twice the number."""
        return step(number)

class Leaves(modelport.Model):
    """Leaves a process behind that nobody waits for."""
    def predict(self) -> int:
        """The number of the process."""
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            if (grandchild := os.fork()) == 0:
                os._exit(0)
            os.write(write, str(grandchild).encode())
            os._exit(0)
        os.waitpid(child, 0)
        return int(os.read(read, 20))
'''
SETTINGS = """
timeout = 20
[models.Twice]
source = "twice.py:Twice"
[models.Leaves]
source = "twice.py:Leaves"
"""
SECRET = "-----BEGIN PRIVATE " + "KEY-----\n"
ANYBODY = "123456"  # as OpenShift numbers users
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a whole environment is installed


def folder_of_model(folder: Path) -> Path:
    """A model as people have them: with much beside it that belongs to nobody's image."""
    for name, text in {
        "twice.py": MODEL,
        "twice_steps.py": "def step(number): return 2 * number\n",
        "service.toml": SETTINGS,
        "words.txt": "two\n",
        ".env": "TOKEN=abc\n",
        "server.pem": SECRET,
        "deploy-key": SECRET,
        "data/rows.csv": "1\n",
        ".git/config": "[core]\n",
        "env-of-mine/pyvenv.cfg": "home = /usr\n",
        "env-of-mine/lib.py": "",
        "__pycache__/twice.pyc": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@dataclass
class Context:
    """What was written, and what was said meanwhile."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = folder_of_model(tmp_path_factory.mktemp("model"))
    there = tmp_path_factory.mktemp("contexts") / "twice"
    command = [sys.executable, "-m", "modelport", "build", str(folder / "service.toml"), "-t", "lab/twice:1"]
    done = subprocess.run(
        [*command, "--only-context", str(there), "--", "--workers", "1"],
        env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Context(there, done.stdout + done.stderr)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_belongs_to_the_model_goes_in_and_what_stays_out_is_said(context: Context) -> None:
    assert names(context.folder / "model") == {"twice.py", "twice_steps.py", "service.toml", "words.txt"}
    for left_out in (".env", "server.pem", "deploy-key", "data/", ".git/", "env-of-mine/"):
        assert left_out in context.said
    assert "docker build -t lab/twice:1" in context.said


def test_the_lock_pins_the_environment_and_brings_what_no_index_has(context: Context) -> None:
    lines = (context.folder / "requirements.lock").read_text().splitlines()[1:]
    assert "./wheels/" + next((context.folder / "wheels").iterdir()).name in lines
    assert [line for line in lines if "==" not in line and not line.startswith("./wheels/modelport-")] == []
    assert {line.partition("==")[0] for line in lines} >= {"starlette", "uvloop", "pydantic-core"}
    assert "scikit-learn" not in (context.folder / "requirements.lock").read_text()


def test_the_bill_of_materials_is_of_the_lock(context: Context) -> None:
    bill = json.loads((context.folder / "sbom.cdx.json").read_text())
    lines = (context.folder / "requirements.lock").read_text().splitlines()[1:]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert len(bill["components"]) == len(lines)
    [ours] = [one for one in bill["components"] if one["name"] == "modelport"]
    assert ours["purl"].startswith("pkg:pypi/modelport@")
    assert re.fullmatch("[0-9a-f]{64}", ours["hashes"][0]["content"])


def test_the_dockerfile_keeps_the_rules(context: Context) -> None:
    assert image_rules.broken(context.folder / "Dockerfile") == []


def test_the_rules_can_be_broken(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nCOPY . .\nRUN pip install modelport\nUSER root\n")
    assert len(image_rules.broken(tmp_path / "Dockerfile")) == 9


@pytest.fixture(scope="module")
def image(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[image_root.Stage]:
    image_root.check_possible()
    packages = tmp_path_factory.mktemp("packages")
    for line in (context.folder / "requirements.lock").read_text().splitlines():
        name, equals, _ = line.partition("==")
        if equals:
            installed_wheels.repacked(name, packages)
    roots = tmp_path_factory.mktemp("roots")
    yield image_root.built(context.folder, roots, packages)
    for folder in (packages, roots):  # hundreds of megabytes, which pytest would keep
        shutil.rmtree(folder)


@dataclass
class Container:
    """An image that runs: `first` is the number, outside, of its PID 1."""

    process: subprocess.Popen[str]
    first: int
    url: str
    variables: dict[str, str]

    @property
    def root(self) -> Path:
        """Its root, as it sees it."""
        return Path("/proc", str(self.first), "root")


@pytest.fixture
def container(image: image_root.Stage, tmp_path: Path) -> Iterator[Container]:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o775)
    port = free_port()
    variables = image.variables | {"MODELPORT_AUTH": "off", "MODELPORT_PORT": str(port)}
    command = image_root.entering(image, image.entrypoint, user=ANYBODY, writes=data)
    said = tmp_path / "said"
    with said.open("w") as log, subprocess.Popen(command, env=variables, stderr=log, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or is_ready(url), said.read_text, 120.0)
            assert process.poll() is None, said.read_text()
            yield Container(process, image_root.first_process(process.pid), url, variables)
        finally:
            process.kill()  # and with it all that is in there
            process.wait(20)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready", timeout=5.0).status_code == 200
    except httpx.TransportError:
        return False


def test_a_container_serves_as_any_user_with_a_root_that_can_only_be_read(
    container: Container, image: image_root.Stage
) -> None:
    answer = httpx.post(f"{container.url}/v2/models/Twice/predict", json={"number": 21}, timeout=30.0)
    assert (answer.status_code, answer.json()) == (200, 42)
    jobs = container.root / "data" / "jobs.sqlite"
    wait_until(jobs.exists, lambda: f"no {jobs}", 60.0)
    status = Path(f"/proc/{container.first}/status").read_text()
    assert re.search(rf"^Uid:\s+{ANYBODY}\s", status, re.MULTILINE)
    assert re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE)
    healthy = image_root.inside(container.first, image.health, container.variables, ANYBODY)
    assert (healthy.returncode, healthy.stdout) == (0, "ready\n"), healthy.stderr

    left = httpx.post(f"{container.url}/v2/models/Leaves/predict", json={}, timeout=30.0).json()
    gone = container.root / "proc" / str(left)
    wait_until(lambda: not gone.exists(), lambda: f"{left} is a zombie", 30.0)

    os.kill(container.first, getattr(signal, image.stops_by))
    assert container.process.wait(60) == 0
    unhealthy = subprocess.run(
        [*image_root.entering(image, image.health, user=ANYBODY)],
        env=container.variables, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert unhealthy.returncode == 1
    assert unhealthy.stderr.startswith("no answer: ")


def test_labels_say_what_the_image_is(image: image_root.Stage) -> None:
    assert image.labels["org.opencontainers.image.title"] == "twice"
    assert (image.root / image.labels["org.modelport.sbom"].lstrip("/")).is_file()
    assert image.ports == [5000]
    assert not any((image.root / "opt/venv/bin").glob("pip*"))
