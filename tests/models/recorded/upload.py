"""A class on DEEPaaS's base class: it describes the file that it is given."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar

from deepaas.model.v2.base import BaseModel
from webargs import fields

TEXTS = ("status", "filename", "content_type", "argument", "sha256", "note")


class Upload(BaseModel):
    schema: ClassVar[dict[str, fields.Field]] = {**dict.fromkeys(TEXTS, fields.Str()), "size": fields.Int()}

    def get_metadata(self) -> dict[str, str]:
        return {"id": "7", "name": "upload", "author": "A. Author", "description": "Describes a file."}

    def warm(self) -> None:
        """There is nothing to load."""

    def get_predict_args(self) -> dict[str, fields.Field]:
        file = fields.Field(required=True, location="form", type="file", description="What to describe")
        return {"data": file, "note": fields.Str(missing="none")}

    def get_train_args(self) -> dict[str, fields.Field]:
        return {}

    def predict(self, data: Any, note: str) -> dict[str, Any]:
        path = Path(data.filename)
        if not path.is_absolute():
            raise ValueError(f"{path} depends on where the process stands")
        content = path.read_bytes()
        return {
            "status": "OK",
            "argument": data.name,
            "filename": data.original_filename,
            "content_type": data.content_type,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "note": note,
        }

    def train(self, **_: Any) -> None:
        raise NotImplementedError


instance = Upload()  # an object beside its class: DEEPaaS itself makes none of a class
