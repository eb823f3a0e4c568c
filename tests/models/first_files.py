"""V1's methods of files, as models go on using them under V2's contract."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from webargs import fields


class Second:
    """V2's contract, with V1's methods on what is an `UploadedFile` now."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"data": fields.Field(required=True, metadata={"type": "file", "location": "form"})}

    def predict(self, data: Any) -> Any:
        copied = Path(data.filename + ".copy")
        data.save(copied)
        data.seek(0)
        return {
            "read": data.read().decode(),
            "again": data.read().decode(),
            "saved": copied.read_text(),
            "mimetype": data.mimetype,
            "length": data.content_length,
            "path": data.filename == str(Path(data.filename).absolute()),
            "original": data.original_filename,
            "fields": data._fields,
            "pickled": pickle.loads(pickle.dumps(data)) == data,
            "more": [hasattr(data, name) for name in ("write", "save")],
        }


class Returned(Second):
    def predict(self, data: Any) -> Any:
        return data._replace(filename="hidden")
