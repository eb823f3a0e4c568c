"""DEEPaaS models that train and validate, for tests of those resources."""

from __future__ import annotations

from typing import Any

from webargs import fields


class OldStyle:
    """Takes two files and a choice; tells what it was given."""

    def get_train_args(self) -> dict[str, fields.Field]:
        return {
            "table": fields.Field(required=True, location="form", type="file"),
            "labels": fields.Field(location="form", type="file"),
            "rate": fields.Float(missing=0.1),
            "layers": fields.List(fields.Int(), missing=[8]),
        }

    def train(self, table: Any, rate: float, layers: list[int], labels: Any = None) -> dict[str, Any]:
        with open(table.filename) as file:  # noqa: PTH123 - as models of DEEPaaS do
            lines = file.read().splitlines()
        return {"lines": lines, "name": table.original_filename, "labels": labels is not None}

    def get_validate_args(self) -> dict[str, fields.Field]:
        return {"rows": fields.Int(required=True)}

    def validate(self, rows: int) -> dict[str, Any]:
        return {"accuracy": 1 - 1 / rows}


class OnlyTrains:
    """Has no validate()."""

    def train(self) -> list[int]:
        return [1, 2]
