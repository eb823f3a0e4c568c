"""Kinds of arguments that are more than a JSON value: files, images and tables."""

from __future__ import annotations

import csv
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from modelport.contract.errors import HTTPError
from modelport.contract.uploaded_file import UploadedFile, is_uploaded_file

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from pydantic_core import CoreSchema

MAX_IMAGE_PIXELS = 64_000_000
# Formats of pictures, not of documents: Pillow hands EPS to Ghostscript, which runs programs.
IMAGE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM", "TGA", "ICO", "AVIF")


class File:
    """An uploaded file, on disk for as long as the request lasts.

    `path` is where it lies, `filename` what the client called it (never a path to write to),
    `content_type` what the client said it is.
    """

    def __init__(self, path: str | Path, filename: str = "", content_type: str = "application/octet-stream"):
        self.path = Path(path)
        self.filename = filename
        self.content_type = content_type

    def open(self) -> BinaryIO:
        """The file, open for reading bytes. The caller closes it."""
        return self.path.open("rb")

    def read(self) -> bytes:
        """Everything in the file."""
        return self.path.read_bytes()

    @classmethod
    def of_upload(cls, upload: UploadedFile) -> File:
        """A file argument out of an upload. Raises `ValueError` if it is not of this kind."""
        return cls(
            upload.filename or "",
            upload.original_filename or "",
            upload.content_type or "application/octet-stream",
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        def convert(value: Any) -> Any:
            if isinstance(value, cls):
                return value
            if is_uploaded_file(value):
                return cls.of_upload(value)
            raise ValueError("Not a valid file.")

        return core_schema.no_info_plain_validator_function(convert)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}


class Image(File):
    """An uploaded picture. Its size is checked before a single pixel is decoded."""

    def __init__(self, path: str | Path, filename: str = "", content_type: str = "image/*"):
        super().__init__(path, filename, content_type)
        self.width, self.height = _image_size(self.path)

    def pillow(self, mode: str | None = None) -> PillowImage:
        """The picture as a Pillow image, converted to `mode` (`"L"`, `"RGB"`, …) if one is given.

        Raises `HTTPError` 422 for a damaged picture, which is the client's to mend.
        """
        from PIL import Image as pillow

        try:
            with pillow.open(self.path, formats=_image_formats()) as image:
                image.load()
                return image.convert(mode) if mode else image.copy()
        except (OSError, SyntaxError, ValueError) as error:
            raise HTTPError(422, "the picture is damaged and cannot be decoded") from error

    def array(self, mode: str = "RGB") -> Any:
        """The picture as uint8, shape (height, width) for `"L"`, else (height, width, channels)."""
        import numpy

        return numpy.asarray(self.pillow(mode))


@lru_cache(maxsize=1)
def _image_formats() -> list[str]:
    from PIL import Image as pillow

    pillow.init()
    return [name for name in IMAGE_FORMATS if name in pillow.OPEN]


def _image_size(path: Path) -> tuple[int, int]:
    try:
        from PIL import Image as pillow
    except ImportError as error:
        raise RuntimeError("an Image argument needs Pillow: pip install 'modelport[image]'") from error
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
        try:
            with pillow.open(path, formats=_image_formats()) as image:
                width, height = image.size
        except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError):
            raise ValueError("Not a valid image.") from None
    if width * height > MAX_IMAGE_PIXELS:
        raise ValueError(f"Not a valid image: {width}x{height} is over {MAX_IMAGE_PIXELS} pixels.")
    return width, height


class TableError(HTTPError, ValueError):
    """A table lacks what the model needs of it: 422 for the client, unless the model catches it."""

    def __init__(self, reason: str):
        super().__init__(422, reason)


class Table:
    """Rows with named columns, sent as CSV (an upload, with a header line) or as JSON.

    JSON takes a list of objects, `{"columns": […], "rows": [[…]]}` or a list of lists (columns `0`, `1`, …).
    `columns` are the names, `rows` lists of values; numbers in CSV become numbers.
    """

    def __init__(self, columns: list[str], rows: list[list[Any]]):
        for index, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(f"Row {index} has {len(row)} values, the table has {len(columns)} columns.")
        self.columns = columns
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, *columns: str) -> list[list[Any]]:
        """The rows with just these columns, in this order. Raises `TableError` naming a missing one."""
        for column in columns:
            if column not in self.columns:
                raise TableError(f"Missing column {column!r}; the table has {', '.join(self.columns)}.")
        indices = [self.columns.index(column) for column in columns]
        return [[row[i] for i in indices] for row in self.rows]

    def numbers(self, *columns: str) -> list[list[float]]:
        """Like `select`, or all columns, each value a float. Raises `TableError` naming the cell."""
        names = columns or tuple(self.columns)
        return [
            [_number(value, index, name) for value, name in zip(row, names, strict=True)]
            for index, row in enumerate(self.select(*names))
        ]

    @classmethod
    def from_csv(cls, text: str) -> Table:
        """A table out of CSV with a header line."""
        reader = csv.reader(io.StringIO(text, newline=""))
        try:
            lines = [line for line in reader if line]
        except csv.Error as error:
            raise ValueError(f"Not a valid CSV table: {error}.") from None
        if not lines:
            raise ValueError("Not a valid CSV table: it is empty; the first line names the columns.")
        return cls(
            [name.strip() for name in lines[0]], [[_parsed(cell) for cell in line] for line in lines[1:]]
        )

    @classmethod
    def from_text(cls, text: str) -> Table:
        """A table out of text in a query or a form: JSON where it is JSON, CSV otherwise."""
        if text.lstrip()[:1] in ("[", "{"):
            try:
                return cls.from_value(json.loads(text))
            except (json.JSONDecodeError, RecursionError):
                pass  # CSV whose first column has such a name
        return cls.from_csv(text)

    @classmethod
    def from_value(cls, value: Any) -> Table:
        """A table out of what a client sent. Raises `ValueError`."""
        if isinstance(value, Table):
            return value
        if is_uploaded_file(value):
            return cls.from_csv(_text(Path(value.filename or "")))
        if isinstance(value, str):
            return cls.from_text(value)
        if isinstance(value, dict):
            given = cast("dict[str, Any]", value)
            columns, rows = given.get("columns"), given.get("rows")
            if isinstance(columns, list) and isinstance(rows, list):
                return cls._of_rows([str(c) for c in cast("list[Any]", columns)], cast("list[Any]", rows))
        if isinstance(value, list):
            items = cast("list[Any]", value)
            if items and all(isinstance(item, dict) for item in items):
                return cls._of_objects(items)
            if items and isinstance(items[0], list):
                return cls._of_rows([str(i) for i in range(len(cast("list[Any]", items[0])))], items)
            if not items:
                return cls([], [])
        raise ValueError('Not a valid table: send CSV, a list of objects or {"columns": […], "rows": [[…]]}.')

    @classmethod
    def _of_rows(cls, columns: list[str], rows: list[Any]) -> Table:
        for index, row in enumerate(rows):
            if not isinstance(row, list):
                raise ValueError(f"Row {index} is not a list.")
        return cls(columns, rows)

    @classmethod
    def _of_objects(cls, items: list[dict[str, Any]]) -> Table:
        columns = list(items[0])
        rows: list[list[Any]] = []
        for index, item in enumerate(items):
            missing = [c for c in columns if c not in item]
            if missing or len(item) != len(columns):
                odd = missing[0] if missing else next(c for c in item if c not in columns)
                raise ValueError(f"Row {index}: column {odd!r} is not in every row.")
            rows.append([item[c] for c in columns])
        return cls(columns, rows)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.from_value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        rows: dict[str, Any] = {"type": "array", "items": {"type": "array", "items": {}}}
        table: dict[str, Any] = {
            "type": "object",
            "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "rows": rows},
            "required": ["columns", "rows"],
        }
        objects = {"type": "array", "items": {"type": "object"}}
        return {"anyOf": [objects, table, rows, {"type": "string", "format": "csv"}]}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("Not a valid CSV table: it is not UTF-8 text.") from None


def _parsed(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell) if cell.isascii() and "_" not in cell else cell
        except ValueError:
            continue
    return cell


def _number(value: Any, row: int, column: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise TableError(f"Row {row}, column {column!r}: the number is too large.") from None
    raise TableError(f"Row {row}, column {column!r}: {value!r} is not a number.")
