"""A model for DEEPaaS V1 that knows its files by Werkzeug's own class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from werkzeug.datastructures import FileStorage


class OfWerkzeug:
    """Has no `predict_url`, so it takes data alone."""

    def predict_data(self, args: dict[str, Any]) -> Any:
        [file] = args["files"]
        kept = Path(args["files"][0].filename + ".kept")
        file.save(kept)
        content = kept.read_text()
        kept.unlink()
        return [isinstance(file, FileStorage), file.filename, content]
