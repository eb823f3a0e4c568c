"""Packages as they were written for DEEPaaS V1, for what `modelport check --upgrade` does to them."""

from __future__ import annotations

from pathlib import Path

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "fish-model"
version = "0.3"
requires-python = ">=3.6"

[project.entry-points."deepaas.model"]  # what DEEPaaS loads
fish = "fish_model.api"

[tool.hatch.build.targets.wheel]
packages = ["fish_model"]
"""
API = '''"""Weighs fish."""

import json

from fish_model import config  # settings


def get_metadata():
    return {"name": "fish", "version": "0.3", "description": "Weighs files."}


def get_train_args():
    return {
        "epochs": {"default": 3, "help": "How often", "required": False},  # kept
        "rate": {
            "default": 0.5,
            "type": float,
            "help": "The rate of learning, which is better small than large, and best of all neither",
            "required": False,
        },
    }


def get_test_args():
    # what is told
    return {"top": {"default": json.dumps(5), "help": "How many", "required": False}}


def predict_data(args):
    told = []
    for file in args["files"]:
        # the bytes
        told.append([file.filename, len(file.read()) * config.FACTOR])
    return {"status": "ok", "predictions": told[: json.loads(args["top"])]}


def predict_url(args):
    if args["files"]:
        raise Exception("both")
    return {"status": "ok", "predictions": args["urls"]}


def train(args):
    return {"epochs": args["epochs"], "rate": float(args["rate"])}
'''
UPGRADED = '''"""Weighs fish."""

import json

from fish_model import config  # settings
from aiohttp.web import HTTPBadRequest
from webargs import fields


def get_metadata():
    return {"name": "fish", "version": "0.3", "description": "Weighs files."}


def get_train_args():
    return {
        "epochs": fields.Str(load_default="3", metadata={"description": "How often"}),  # kept
        "rate": fields.Float(
            load_default=0.5,
            metadata={"description": "The rate of learning, which is better small than large, and best of all neither"},
        ),
    }


def get_predict_args():
    # what is told
    return {
        "data": fields.List(
            fields.Field(),
            load_default=None,
            metadata={"type": "file", "location": "form", "description": "Files to predict on"},
        ),
        "urls": fields.List(
            fields.Url(require_tld=False),
            load_default=None,
            metadata={"description": "URLs of what to predict on"},
        ),
        "top": fields.Str(load_default=json.dumps(5), metadata={"description": "How many"}),
    }


def predict_data(args):
    told = []
    for file in args["files"]:
        # the bytes
        told.append([file.original_filename, len(open(file.filename, "rb").read()) * config.FACTOR])
    return {"status": "ok", "predictions": told[: json.loads(args["top"])]}


def predict_url(args):
    if args["files"]:
        raise Exception("both")
    return {"status": "ok", "predictions": args["urls"]}


def predict(**args):
    """Predict on the files in `data`, or on the `urls`: one of the two."""
    data, urls = args.pop("data"), args.pop("urls")
    if bool(data) == bool(urls):
        raise HTTPBadRequest(reason="You must provide either 'urls' or 'data' in the payload")
    if data:
        return predict_data({**args, "files": data, "urls": None})
    return predict_url({**args, "files": None, "urls": urls})


def train(**args):
    return {"epochs": args["epochs"], "rate": float(args["rate"])}
'''  # noqa: E501 - its longest line is one of the package


def written(folder: Path, api: str = API, project: dict[str, str] | None = None, **modules: str) -> Path:
    """The folder of a package with this code, these files of its project and these other modules."""
    package = folder / "fish_model"
    package.mkdir(parents=True)
    for name, text in (project if project is not None else {"pyproject.toml": PROJECT}).items():
        (folder / name).write_text(text)
    for name, text in ({"__init__": "", "config": "FACTOR = 2\n"} | modules).items():
        (package / f"{name}.py").write_text(text)
    (package / "api.py").write_bytes(api.encode())
    return folder
