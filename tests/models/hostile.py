"""A model all of whose words would do harm if a page took them for more than words."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from harm import HARM, LINK, NAME, PAGE, SVG
from pydantic import BaseModel, Field

import modelport

COLOURED = f"\x1b[31m{NAME}\x1b[0m \x1b]8;;{LINK}\x07press\x1b]8;;\x07 {HARM}"
KEPT = {
    f"{NAME}.txt": HARM,
    "page.html": PAGE,
    "picture.svg": SVG,
    "rows.csv": f'"{NAME}",n\n"{LINK}",1\n',
    "tree.json": f'{{"{NAME}": ["{LINK}"]}}',
}


class Inner(BaseModel):
    """What is within."""

    model_config = {"title": NAME}
    words: Annotated[str, Field(title=NAME, description=HARM)] = HARM


class Hostile(modelport.Model):
    metadata: ClassVar[dict[str, Any]] = {
        "name": HARM,
        "description": HARM,
        "summary": HARM,
        "author": HARM,
        "license": HARM,
        "version": NAME,
        "url": LINK,
    }
    layout: ClassVar[dict[str, Any]] = {
        "predict": {
            "groups": [{"title": HARM, "arguments": ["number"]}],
            "labels": {"words": NAME, "number": f"{NAME} number"},
        },
        "train": {"labels": {"words": NAME}},
    }
    examples: ClassVar[dict[str, Any]] = {HARM: {"words": HARM, "number": 1}}

    def __init__(self) -> None:
        self.is_saved = False

    def load_model(self, path: Path) -> None:
        """What a training has saved answers nothing."""
        self.is_saved = True

    def predict(
        self,
        words: Annotated[str, Field(title=NAME, description=HARM)] = HARM,
        number: Annotated[int, Field(description=HARM)] = 1,
        choice: Literal["a", "<x-harm>", "javascript:window.harmed=1"] = "a",
        inner: Inner | None = None,
    ) -> dict[str, Any]:
        print(COLOURED)
        if number == 2:
            raise modelport.HTTPError(422, words)
        if number == 3 or self.is_saved:
            raise ValueError(words)
        return {NAME: {words: [1, {LINK: words}]}}

    def train(
        self,
        words: Annotated[str, Field(title=NAME, description=HARM)] = HARM,
        fails: bool = False,
    ) -> dict[str, Any]:
        job = modelport.current_job()
        print(COLOURED)
        print(COLOURED, file=sys.stderr)
        job.progress(1, 2, words)
        for step, loss in enumerate((2.0, 1.0), start=1):
            job.log_metrics({NAME: loss, f"train_{NAME}": loss, f"val_{NAME}": loss}, step=step)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in KEPT.items():
                path = Path(folder, name)
                path.write_text(content)
                job.artifact(path)
        if fails:
            raise ValueError(words)
        saved = Path(tempfile.mkdtemp(), f"{NAME}.txt")
        saved.write_text(words)
        job.save_model(saved)
        scores = {"overall": {NAME: 0.5}, "class": {NAME: {NAME: 0.5}}, NAME: {NAME: {NAME: 0.5}}}
        return {**scores, "words": words}
