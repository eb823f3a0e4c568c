"""The file of keyword arguments that are settings, made from the settings; `make docs` renews it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from modelport.serving.arguments import LOG_SETTINGS, SERVER_SETTINGS
from modelport.settings import Settings
from modelport.settings.checking import declarations
from modelport.settings.of_models import names_of_own

FILE = Path(__file__).parents[2] / "src" / "modelport" / "serving" / "keywords.py"
HEAD = '''"""Settings as keyword arguments, for type checkers: written by `make docs`, from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict
'''
OF_MODELS = "    model_settings: Mapping[str, ModelSettings]"
CLASS = '''

class {name}({base}, total=False):
    """{said}"""

{fields}
'''


def text() -> str:
    """What the file has to be."""
    names = [name for name in declarations() if name != "sources"]
    app = [name for name in names if name not in LOG_SETTINGS | SERVER_SETTINGS]
    server = [name for name in names if name in SERVER_SETTINGS]
    log = [name for name in names if name in LOG_SETTINGS]
    return HEAD + "".join(
        [
            _class(
                "ModelSettings", "TypedDict", "Settings that one model may have otherwise.", names_of_own()
            ),
            _class("AppSettings", "TypedDict", "Settings of an application: `create_app`.", app, OF_MODELS),
            _class("ServerSettings", "AppSettings", "And those of its server: `running`.", server),
            _class("ProcessSettings", "ServerSettings", "And those of the process: `serve`.", log),
        ]
    )


def _annotation(name: str) -> str:
    """The type of a setting, as its group has it written."""
    return next(
        group.__annotations__[name]
        for group in Settings.__mro__
        if name in vars(group).get("__annotations__", {})
    )


def _class(name: str, base: str, said: str, fields: Iterable[str], more: str = "") -> str:
    lines = [more, *(f"    {field}: {_annotation(field)}" for field in fields)]
    lines = [line for line in lines if line]
    return CLASS.format(name=name, base=base, said=said, fields="\n".join(lines))


if __name__ == "__main__" and "--write" in sys.argv:
    FILE.write_text(text(), encoding="utf-8")
