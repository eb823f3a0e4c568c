"""Answers of every kind that the page shows, each with words in it that would do harm if they were run."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from harm import HARM, LINK, NAME, PAGE, SVG
from PIL import Image

import modelport

Kind = Literal[
    *("labels", "boxes", "table", "vega", "vega-lite", "plotly", "heatmap", "svg", "html", "tree", "facts"),
    *("names", "files", "refused"),
]
PRESSED = f'<a href="{LINK}">press</a>'


def picture() -> str:
    written = io.BytesIO()
    Image.new("RGB", (80, 60), "navy").save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


ANSWERS: dict[str, Any] = {
    "labels": [{"label": HARM, "probability": 0.7}, {"label": LINK, "probability": 0.3}],
    "boxes": {"image": picture(), "detections": [{"label": HARM, "score": 0.9, "box": [10, 10, 50, 40]}]},
    "table": [{"name": HARM, "at": LINK, "n": number} for number in range(10_000)],
    "vega": {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": 100,
        "height": 50,
        "title": HARM,
        "signals": [{"name": "s", "update": "'' + replace('window.harmed=1', 'x', 'y').constructor"}],
        "data": [{"name": "d", "values": [{"u": LINK}]}],
        "marks": [
            {
                "type": "text",
                "from": {"data": "d"},
                "encode": {
                    "enter": {"text": {"value": HARM}, "href": {"field": "u"}, "tooltip": {"value": HARM}}
                },
            }
        ],
    },
    "vega-lite": {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"a": "one", "b": 3, "u": LINK}, {"a": "two", "b": 5, "u": LINK}]},
        "mark": "bar",
        "title": HARM,
        "encoding": {
            "x": {"field": "a"},
            "y": {"field": "b", "type": "quantitative"},
            "href": {"field": "u"},
        },
    },
    "plotly": {
        "data": [
            {
                "type": "bar",
                "x": [HARM, f'<a href="{LINK}">press</a>'],
                "y": [3, 5],
                "name": HARM,
                "text": HARM,
            },
        ],
        "layout": {"title": {"text": HARM + f'<a href="{LINK}">press</a>'}},
    },
    "heatmap": {"data": [{"type": "heatmap", "z": [[1, 2], [3, 4]]}], "layout": {"title": HARM}},
    "svg": "data:image/svg+xml," + SVG.replace("#", "%23"),
    "html": HARM + " " * 300,
    "tree": {"a": {HARM: {"c": [{"d": []}, {"e": LINK}, {NAME: HARM}]}}},
    "facts": {"words": HARM, "address": LINK, "n": 5, "more": "https://example.org/"},
    "names": {NAME: {HARM: [{LINK: HARM, NAME: 1}]}, HARM: LINK, LINK: f"http://x y/{HARM}"},
    "files": {
        NAME: "data:text/html;base64," + base64.b64encode(PAGE.encode()).decode(),
        LINK: "data:image/svg+xml;base64," + base64.b64encode(SVG.encode()).decode(),
        "address": f"data:text/html,{PAGE}",
    },
}


class Answering(modelport.Model):
    """Answers what it is asked for."""

    def predict(self, kind: Kind = "labels") -> Any:
        if kind == "refused":
            raise modelport.HTTPError(400, HARM)
        return ANSWERS[kind]


class Reading(modelport.Model):
    """Answers several things, of which one matters most."""

    layout: ClassVar[dict[str, Any]] = {"predict": {"first_output": "verdict"}}

    def predict(self) -> dict[str, Any]:
        return {
            "seconds": 0.5,
            "scores": {"spam": 0.8, "ham": 0.2},
            "verdict": "It is spam.",
            "words": [{"word": "win", "n": 3}],
        }


class Zipping(modelport.Model):
    """Answers a zip."""

    def predict(self) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            archive.writestr("labels.json", '{"cat": 0.75, "dog": 0.25}')
            archive.writestr("page.html", HARM)
            archive.writestr(f"../../{NAME}.svg", SVG)
        return written.getvalue()


class Publishing(modelport.Model):
    """Answers pages and pictures, of the types that it says."""

    def predict(
        self, accept: Literal["text/html", "image/svg+xml", "application/xhtml+xml", "text/plain"]
    ) -> str:
        return SVG if "svg" in accept else PAGE


class Telling(modelport.Model):
    """Streams words."""

    def predict(self, count: int = 3) -> Iterator[str]:
        for number in range(count):
            yield f"{HARM if number == 0 else 'word'} "
