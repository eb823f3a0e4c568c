"""The chart, rendered as Helm renders it, by an engine of Go templates that is written in Python."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import jsonschema
import yaml
from gotpl.exts.helm.runtime import HelmTemplateEngine
from serving import ROOT

CHART = ROOT / "deploy" / "helm" / "modelport"
RELEASE = {
    "Name": "shop",
    "Namespace": "lab",
    "Service": "Helm",
    "Revision": 1,
    "IsInstall": True,
    "IsUpgrade": False,
}
NOTES = "NOTES.txt"


@cache
def about() -> dict[str, Any]:
    """`Chart.yaml`, with its keys as templates have them."""
    return {
        key[0].upper() + key[1:]: value
        for key, value in yaml.safe_load((CHART / "Chart.yaml").read_text()).items()
    }


@cache
def engine() -> HelmTemplateEngine:
    return HelmTemplateEngine.from_sources(
        {path.name: path.read_text() for path in sorted((CHART / "templates").iterdir())}
    )


def values(**given: Any) -> dict[str, Any]:
    """The values of the chart with some that are given, which the schema must allow."""
    merged = over(yaml.safe_load((CHART / "values.yaml").read_text()), given)
    jsonschema.validate(merged, json.loads((CHART / "values.schema.json").read_text()))
    return merged


def over(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Values over others, key by key, as Helm merges them; `None` takes a key out."""
    merged = copy.deepcopy(base)
    for key, value in given.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = over(merged[key], value)
        else:
            merged[key] = value
    return merged


def rendered(**given: Any) -> list[dict[str, Any]]:
    """The objects that the chart makes of these values."""
    context = {"Values": values(**given), "Release": RELEASE, "Chart": about(), "Capabilities": {}}
    names = [path.name for path in sorted((CHART / "templates").glob("*.*")) if not path.name.startswith("_")]
    texts = engine().render({name: context | {"Template": {"Name": name}} for name in names})
    found = [one for name, text in texts.items() if name != NOTES for one in yaml.safe_load_all(text) if one]
    assert texts[NOTES].strip()
    return found


def the(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The one object of a kind."""
    [found] = [one for one in objects if one["kind"] == kind]
    return found
