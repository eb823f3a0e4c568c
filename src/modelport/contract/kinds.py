"""Kinds of arguments that are files: any, and pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from modelport.contract.errors import HTTPError
from modelport.contract.uploaded_file import UploadedFile, is_uploaded_file

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from pydantic_core import CoreSchema

NOT_A_FILE = (
    "Not a valid file. Send it as a part of multipart/form-data, as base64 or a data: URI in JSON or, if it "
    "is the only file, as the whole body with its own Content-Type."
)
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
            raise ValueError(NOT_A_FILE)

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

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "format": "binary", "contentMediaType": "image/*"}


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
