"""What `deploy/` has is what the docs show and what the tools take, and it names only what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import image_root
import image_rules
import pytest
import yaml
from serving import ROOT

from modelport.settings.checking import declarations

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "modelport.service"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OF_THE_USER = {"./compose/service.toml", "./compose/models"}  # which the first lines of the file tell of
PAGE = (ROOT / "docs" / "reaching.md").read_text()
EXPOSURE = 2.0  # of systemd-analyze security: 10 is open, 0 closed


@pytest.mark.parametrize("file", [UNIT, DEPLOY / "nginx" / "modelport.conf"], ids=lambda file: file.name)
def test_the_docs_show_what_is_deployed(file: Path) -> None:
    assert f"```\n{file.read_text()}```".partition("\n")[2] in PAGE


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = UNIT.read_text()
    assert text.count("/opt/modelport/bin/modelport ") == 1
    there = tmp_path / UNIT.name
    there.write_text(text.replace("/opt/modelport/bin/modelport ", f"{shutil.which('true')} "))
    return there


def test_systemd_has_nothing_to_say_of_the_unit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_systemd_finds_the_unit_well_closed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze judges no file: {done.stderr.strip()}")
    assert float(found[1]) <= EXPOSURE


def test_the_image_without_a_model_keeps_the_rules_too() -> None:
    assert image_rules.broken(DEPLOY / "Dockerfile") == []
    copied = [text.split() for name, text in image_root.instructions(DEPLOY / "Dockerfile") if name == "COPY"]
    for *sources, _ in (words for words in copied if not words[0].startswith("--from")):
        assert [source for source in sources if not (ROOT / source).exists()] == []


def test_compose_names_files_settings_and_services_that_there_are() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = source in COMPOSE["volumes"] or source in OF_THE_USER or (DEPLOY / source).exists()
            assert known, f"{name}: {volume}"
        for needed in service.get("depends_on", {}):
            assert "healthcheck" in services[needed]
        if "image" in service and "build" not in service:
            assert re.search(r":v?[\w.-]*\d", service["image"]), f"{name}: which version?"
    set_ = [name for name in services["server"]["environment"] if name.startswith("MODELPORT_")]
    assert [name for name in set_ if name.removeprefix("MODELPORT_").lower() not in declarations()] == []
    port = services["server"]["environment"]["MODELPORT_METRICS_PORT"]
    [scrape] = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    assert scrape == {"job_name": "modelport", "static_configs": [{"targets": [f"server:{port}"]}]}
