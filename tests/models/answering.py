"""Answers of every kind that the page shows, each with words in it that would do harm if they were run."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from typing import Any, Literal

from PIL import Image

import modelport

HARM = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>"
LINK = "javascript:document.title='harmed'"
SVG = (
    f"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><script>{LINK}</script>"
    "<rect width='40' height='30' fill='teal'/></svg>"
)
Kind = Literal["labels", "boxes", "table", "vega-lite", "plotly", "heatmap", "svg", "html", "tree", "facts"]


def picture() -> str:
    written = io.BytesIO()
    Image.new("RGB", (80, 60), "navy").save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


ANSWERS: dict[str, Any] = {
    "labels": [{"label": HARM, "probability": 0.7}, {"label": LINK, "probability": 0.3}],
    "boxes": {"image": picture(), "detections": [{"label": HARM, "score": 0.9, "box": [10, 10, 50, 40]}]},
    "table": [{"name": HARM, "at": LINK, "n": number} for number in range(10_000)],
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
        "data": [{"type": "bar", "x": ["one", "two"], "y": [3, 5], "name": HARM}],
        "layout": {"title": {"text": HARM + f'<a href="{LINK}">press</a>'}},
    },
    "heatmap": {"data": [{"type": "heatmap", "z": [[1, 2], [3, 4]]}], "layout": {"title": HARM}},
    "svg": "data:image/svg+xml," + SVG.replace("#", "%23"),
    "html": HARM + " " * 300,
    "tree": {"a": {HARM: {"c": [{"d": []}, {"e": LINK}]}}},
    "facts": {"words": HARM, "address": LINK, "n": 5, "more": "https://example.org/"},
}


class Answering(modelport.Model):
    """Answers what it is asked for."""

    def predict(self, kind: Kind = "labels") -> Any:
        return ANSWERS[kind]


class Zipping(modelport.Model):
    """Answers a zip."""

    def predict(self) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            archive.writestr("labels.json", '{"cat": 0.75, "dog": 0.25}')
            archive.writestr("page.html", HARM)
        return written.getvalue()


class Telling(modelport.Model):
    """Streams words."""

    def predict(self, count: int = 3) -> Iterator[str]:
        for number in range(count):
            yield f"{HARM if number == 0 else 'word'} "
