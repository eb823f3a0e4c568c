"""Actions of OpenWhisk, for its tests."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import modelport


class Echo(modelport.Model):
    """Gives back what it is given, and speaks on both streams."""

    def predict(
        self,
        string: str | None = None,
        numbers: list[int] | None = None,
        object: dict[str, str] | None = None,
        delimiter: str | None = None,
        bare: bool = False,
        fails: bool = False,
        hangs: bool = False,
        file: modelport.File | None = None,
    ) -> Any:
        if hangs:
            threading.Event().wait(60)
        if fails:
            raise ValueError("no snow today")
        if bare:
            return "no dictionary"
        if file is not None:
            return {"read": file.path.read_bytes().decode(), "string": string}
        print("hello stdout", delimiter or "")
        print("hello stderr", file=sys.stderr)
        if delimiter is not None:
            return {"winter": f"{delimiter} ☃ {delimiter}"}
        given = {"string": string, "numbers": numbers, "object": object}
        return {name: value for name, value in given.items() if value is not None}


LOADED_WITH = os.environ.get("STRING")


def variables() -> dict[str, str]:
    """The variables of an activation, and those that were there when the model was loaded."""
    names = ("ARRAY", "OBJECT", "STRING", "NUMBER", "BOOL", "NULL")
    found = {name: os.environ[name] for name in names if name in os.environ}
    return {**found, "LOADED_WITH": LOADED_WITH or "", **of_activation()}


def of_activation() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name.startswith("__OW_")}


class Variables(modelport.Model):
    """Tells what is around it."""

    def predict(self) -> dict[str, str]:
        return variables()
