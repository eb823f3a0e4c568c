"""The file of keyword arguments that are settings, made from the settings; `make docs` renews it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from pathlib import Path

from modelport.serving.arguments import LOG_SETTINGS, SERVER_SETTINGS
from modelport.settings import Settings

FILE = Path(__file__).parents[2] / "src" / "modelport" / "serving" / "keywords.py"
HEAD = '''"""Settings as keyword arguments, for type checkers: written by `make docs`, from the settings."""

from __future__ import annotations

from typing import TypedDict
'''
CLASS = '''

class {name}({base}, total=False):
    """{said}"""

{fields}
'''


def text() -> str:
    """What the file has to be."""
    names = [field.name for field in dataclasses.fields(Settings) if field.name != "sources"]
    app = [name for name in names if name not in LOG_SETTINGS | SERVER_SETTINGS]
    server = [name for name in names if name in SERVER_SETTINGS]
    log = [name for name in names if name in LOG_SETTINGS]
    return HEAD + "".join(
        [
            _class("AppSettings", "TypedDict", "Settings of an application: `create_app`.", app),
            _class("ServerSettings", "AppSettings", "And those of its server: `running`.", server),
            _class("ProcessSettings", "ServerSettings", "And those of the process: `serve`.", log),
        ]
    )


def _class(name: str, base: str, said: str, fields: Iterable[str]) -> str:
    lines = [f"    {field}: {Settings.__annotations__[field]}" for field in fields]
    return CLASS.format(name=name, base=base, said=said, fields="\n".join(lines))


if __name__ == "__main__" and "--write" in sys.argv:
    FILE.write_text(text(), encoding="utf-8")
