"""A training that prints a lot, in colours, measures, and keeps files of several kinds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import modelport

GREEN, PLAIN = "\x1b[32m", "\x1b[0m"
CIRCLE = '<circle cx="20" cy="20" r="18"/>'
FILES = {
    "note.txt": "<b>kept</b>",
    "picture.svg": f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">{CIRCLE}</svg>',
    "rows.csv": 'name,count\n"cat, black",3\n',
}


class Printing(modelport.Model):
    """Prints as many lines as it is told."""

    def predict(self, x: int = 0) -> int:
        return x

    def train(self, lines: int = 100, text: str = "") -> dict[str, Any]:
        job = modelport.current_job()
        for number in range(1, lines + 1):
            print(f"{GREEN}step{PLAIN} {number} of {lines}")
        print(text)
        for step, loss in enumerate((2.0, 1.0), start=1):
            job.log_metrics({"train_loss": loss, "val_loss": loss + 0.5, "accuracy": 1 / loss}, step=step)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in FILES.items():
                path = Path(folder, name)
                path.write_text(content)
                job.artifact(path)
        return {"lines": lines}
