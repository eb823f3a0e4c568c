"""A model that takes files by every idiom, and ends in every way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webargs import fields


class Uploads:
    def get_predict_args(self) -> dict[str, Any]:
        return {
            "data": fields.Field(location="form", type="file", description="Data file."),
            "new_style": fields.Field(metadata={"location": "form", "type": "file"}),
            "several": fields.List(fields.Field(type="file", location="form")),
            "raw": fields.Raw(metadata={"type": "file"}),
            "note": fields.Str(missing="none"),
            "then": fields.Str(missing="answer"),
        }

    def predict(self, then: str, note: str, **files: Any) -> Any:
        uploads = [f for value in files.values() for f in (value if isinstance(value, list) else [value])]
        for upload in uploads:
            print(f"file {upload.filename} exists {Path(upload.filename).is_file()}")
        if then == "raise":
            raise ValueError("no good")
        if then == "exit":
            os._exit(3)
        if then == "stream":
            return self.stream(uploads[0])
        if then == "return":
            return Path(uploads[0].filename)
        return {
            "note": note,
            "files": {name: [f._asdict() for f in uploads if f.name == name] for name in files},
            "contents": [Path(f.filename).read_text() for f in uploads],
            "names": [[f.name, f.original_filename, f.content_type] for f in uploads],
        }

    def stream(self, upload: Any) -> Iterator[str]:
        yield Path(upload.filename).read_text()
