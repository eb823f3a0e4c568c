"""A model as it was written for DEEPaaS V1: dictionaries of arguments, predict_data, predict_url, train."""

from __future__ import annotations

import json
from typing import Any


def get_metadata() -> dict[str, Any]:
    return {"name": "first", "description": "Counts bytes.", "version": "0.1", "author": "Nobody"}


def get_train_args() -> dict[str, Any]:
    return {"epochs": {"default": 3, "type": int, "help": "How often", "required": False}}


def get_test_args() -> dict[str, Any]:
    return {
        "top": {"default": json.dumps(5), "help": "How many", "required": False},
        "kind": {"help": "Of which kind", "required": False, "choices": ["a", "b"]},
    }


def predict_data(args: dict[str, Any]) -> dict[str, Any]:
    files = args["files"]
    kept = {name: value for name, value in args.items() if name != "files"}
    return {"status": "ok", "args": kept, "files": [_looked_at(file) for file in files]}


def _looked_at(file: Any) -> dict[str, Any]:
    first = file.read(2)
    file.stream.seek(0)
    return {
        "class": type(file).__module__.partition(".")[0],
        "filename": file.filename,
        "content_type": file.content_type,
        "mimetype": file.mimetype,
        "name": file.name,
        "first": first.decode(),
        "lines": [line.decode() for line in file],
    }


def predict_url(args: dict[str, Any]) -> list[Any]:
    if args["urls"] == ["http://nowhere.test/"]:
        raise ValueError("nobody answers there")
    return [args["urls"], args["files"], type(args["top"]).__name__]


def train(args: dict[str, Any]) -> dict[str, Any]:
    return {"epochs": args["epochs"]}
