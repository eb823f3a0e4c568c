"""A DEEPaaS module with `load_model`: each of its trainings leaves a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from webargs import fields

_loaded = {"factor": 1.0}


def get_metadata() -> dict[str, Any]:
    return {"name": "versions", "version": "3.1"}


def get_predict_args() -> dict[str, Any]:
    return {"x": fields.Float(required=True)}


def get_train_args() -> dict[str, Any]:
    return {"factor": fields.Float(required=True)}


def load_model(path: Path) -> None:
    _loaded.update(json.loads((Path(path) / "factor.json").read_text()))


def predict(**arguments: Any) -> dict[str, Any]:
    return {"value": arguments["x"] * _loaded["factor"]}


def train(**arguments: Any) -> str:
    folder = Path("checkpoint").absolute()
    folder.mkdir(exist_ok=True)
    (folder / "factor.json").write_text(json.dumps({"factor": arguments["factor"]}))
    return str(folder)
