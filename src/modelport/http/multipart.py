"""Multipart forms (RFC 7578), read as they arrive: text into memory, files onto the disk."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from modelport.problems import Problem

MAX_PARTS = 1000
MAX_TEXT_BYTES = 1 << 20  # of all text fields and names together
PART_BYTES = 1024  # what a part takes beside its text
FEW_PARTS = 8  # parsed as they come; a form of more parts takes turns with the others
TURN_BYTES = 1024  # parsed in a turn: 20 empty parts, a millisecond
MAX_PART_HEADERS = 16
MAX_PART_HEADER_BYTES = 8192
MAX_OUTSIDE_BYTES = 64 * 1024  # before the first boundary and after the last
MAX_BOUNDARY = 200
MAX_FILENAME = 255
BUFFERED_BYTES = 256 * 1024  # written to the disk at once, in a thread
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
EXTENDED_NAME = re.compile(
    r";\s*filename\*\s*=\s*(?P<charset>[\w.:+-]*)'[^']*'(?P<name>[^;\s]+)", re.IGNORECASE | re.ASCII
)
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
LATIN_1 = ("iso-8859-1", "latin1", "latin-1")
BOUNDARY = re.compile(rb"[\x20-\x7e]{0,199}[\x21-\x7e]")

# The parser logs what it refuses; the client is told, and could flood the log with it.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class FormFile(NamedTuple):
    """A file part of a form: the field's name, where it lies, and what the client says of it."""

    field: str
    path: str
    filename: str
    content_type: str


class MultipartForm:
    """A form on its way in. `feed` it the body, then `finish` it; files lie in `folder`.

    The parser takes 50 µs a part, and all clients wait meanwhile. So forms of many parts share a `turn`:
    one of them parses a little of it, and then everybody else goes on.
    """

    def __init__(self, content_type: str, folder: Path, turn: asyncio.Lock):
        self.fields: list[tuple[str, str]] = []
        self.uploads: list[FormFile] = []
        self._folder = folder
        self._turn = turn
        boundary = _boundary(content_type)
        self._parser = _parser(boundary, self)
        self._delimiter = b"--" + boundary
        self._headers: dict[str, str] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._name = ""
        self._text: bytearray | None = None
        self._encoding = "utf-8"
        self._unnamed: str | None = None  # the media type of what is a file if anything is in it
        self._text_bytes = 0
        self._parts = 0
        self._open_file: Path | None = None
        self._writes: list[tuple[Path, bytes]] = []
        self._buffered = 0
        self._ended = False
        self._outside = 0
        self._in_parts = False
        self._before = b""  # the last bytes of what came before, in which a delimiter may have begun

    async def feed(self, data: bytes) -> None:
        """Take more of the body. Raises `Problem` for a broken form, `OSError` if the disk is full."""
        if self._parts + data.count(self._delimiter) <= FEW_PARTS:
            self._take(data)
        else:
            for start in range(0, len(data), TURN_BYTES):
                async with self._turn:
                    self._take(data[start : start + TURN_BYTES])
                    await asyncio.sleep(0)
        if self._buffered > BUFFERED_BYTES:
            await self.flush()

    def _take(self, data: bytes) -> None:
        if not self._ended:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise Problem(400, f"the multipart form is broken: {error}") from None
            # A piece that holds a part is not outside, even if the whole form came in it.
            self._outside = 0 if self._in_parts else self._outside + len(data)
            if self._ended:
                closing = (b"\r\n" if self._parts else b"") + self._delimiter + b"--"
                data = (self._before + data).partition(closing)[2]
                self._before = b""
        else:
            self._outside += len(data)
        if self._outside > MAX_OUTSIDE_BYTES:
            raise Problem(400, "the multipart form has too much outside its parts")
        seen = self._before + data
        # RFC 2046 has what follows the end ignored, which is for the words of mail programs: what looks like
        # another part was sent to mean something, so it is not passed over.
        if self._ended and b"\n" + self._delimiter in seen:
            raise Problem(400, "the multipart form goes on after its closing boundary")
        self._before = seen[-len(self._delimiter) - 4 :]

    async def finish(self) -> None:
        """The body has ended. Raises `Problem` if the form has not."""
        if not self._ended:
            raise Problem(400, "the multipart form has no closing boundary")
        await self.flush()

    @property
    def in_memory(self) -> int:
        """The bytes of the form that are not on the disk."""
        return self._buffered + self._text_bytes + self._parts * PART_BYTES

    async def flush(self) -> None:
        """Write what has come of files to the disk."""
        writes, self._writes, self._buffered = self._writes, [], 0
        if writes:
            await asyncio.to_thread(_write, self._folder, writes)

    # -- what the parser tells ---------------------------------------------------------------------

    def on_part_begin(self) -> None:
        self._in_parts = True
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Problem(413, f"the multipart form has more than {MAX_PARTS} parts")
        self._headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").strip().lower()
        if name in self._headers:
            raise Problem(400, "a part of the multipart form has a header twice")
        # latin-1 keeps the bytes: the parser of options gives them back, and names are UTF-8.
        self._headers[name] = self._header_value.decode("latin-1").strip()
        self._header_name.clear()
        self._header_value.clear()

    def on_headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get("content-disposition", ""))
        name = options.get(b"name")
        if disposition != b"form-data" or name is None:
            raise Problem(
                400, "a part of the multipart form has no name (Content-Disposition: form-data; name=…)"
            )
        if self._headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
            raise Problem(400, "Content-Transfer-Encoding is not allowed in a form (RFC 7578)")
        media = self._headers.get("content-type", "")
        if media.lower().startswith("multipart/"):
            raise Problem(400, "a multipart form inside a multipart form is not supported")
        self._name = name.decode("utf-8", "replace")
        self._count(len(name) + len(media) + len(options.get(b"filename", b"")))
        disposition_text = self._headers["content-disposition"]
        filename = options.get(b"filename", b"").decode("utf-8", "replace") or _extended_name(
            disposition_text
        )
        if filename:
            self._begin_file(filename, media)
        elif b"filename" in options:
            self._unnamed = media
        else:
            self._encoding = _encoding(self._name, media)
            self._text = bytearray()

    def _count(self, size: int) -> None:
        """So many more bytes of the form stay in memory. Raises `Problem` 413 if that is too much."""
        self._text_bytes += size
        if self._text_bytes > MAX_TEXT_BYTES:
            raise Problem(
                413, f"the text fields and names of the form are over {MAX_TEXT_BYTES} bytes; send a file"
            )

    def _begin_file(self, filename: str, media: str) -> None:
        suffix = Path(filename).suffix if "\0" not in filename else ""
        suffix = suffix if SUFFIX.fullmatch(suffix) else ""
        self._open_file = self._folder / f"upload-{len(self.uploads)}{suffix}"
        self._writes.append((self._open_file, b""))
        self.uploads.append(
            FormFile(
                self._name,
                str(self._open_file),
                filename.replace("\0", "")[:MAX_FILENAME],
                media or "application/octet-stream",
            )
        )

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._unnamed is not None:
            media, self._unnamed = self._unnamed, None
            self._begin_file("", media)
        if self._open_file is not None:
            self._writes.append((self._open_file, data[start:end]))
            self._buffered += end - start
        elif self._text is not None:
            self._count(end - start)
            self._text += data[start:end]

    def on_part_end(self) -> None:
        if self._text is not None:
            if b"\0" in self._text:
                raise Problem(400, f"the field {self._name[:100]!r} of the form holds a NUL character")
            try:
                self.fields.append((self._name, self._text.decode(self._encoding)))
            except UnicodeDecodeError:
                raise Problem(
                    400,
                    f"the field {self._name[:100]!r} of the form is not UTF-8 text; a file has a filename",
                ) from None
        self._text = None
        self._unnamed = None  # without a byte it is what browsers send for a file that nobody chose
        self._open_file = None

    def on_end(self) -> None:
        self._ended = True


def _extended_name(disposition: str) -> str:
    """The name of a file that is given by `filename*` alone (RFC 5987), empty if it is not.

    RFC 7578 forbids senders the form; those who use it mean a file all the same.
    """
    found = EXTENDED_NAME.search(QUOTED.sub("", disposition)) if "*" in disposition else None
    if found is None:
        return ""
    charset = "latin-1" if found["charset"].lower() == "iso-8859-1" else "utf-8"
    return unquote(found["name"], charset, "replace")


def _encoding(name: str, media: str) -> str:
    """How the text of a part is encoded. Raises `Problem` 415 for charsets that forms do not have here."""
    found = CHARSET.search(media)
    charset = found[1].lower() if found else ""
    if charset in UTF_8:
        return "utf-8"
    if charset in LATIN_1:
        return "latin-1"
    raise Problem(
        415,
        f"the field {name[:100]!r} of the form has charset={charset[:50]}, which is not read; send UTF-8",
    )


def _boundary(content_type: str) -> bytes:
    if len(content_type) > 1024:
        raise Problem(400, "the Content-Type of the form is over 1024 characters")
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not BOUNDARY.fullmatch(boundary) or len(boundary) > MAX_BOUNDARY:
        raise Problem(400, f"the multipart form needs a boundary of 1 to {MAX_BOUNDARY} ASCII characters")
    return boundary


def _parser(boundary: bytes, form: MultipartForm) -> MultipartParser:
    callbacks: Any = {
        name: getattr(form, name)
        for name in (
            "on_part_begin", "on_part_data", "on_part_end", "on_header_field", "on_header_value",
            "on_header_end", "on_headers_finished", "on_end",
        )
    }  # fmt: skip
    return MultipartParser(
        boundary, callbacks, max_header_count=MAX_PART_HEADERS, max_header_size=MAX_PART_HEADER_BYTES
    )


def _write(folder: Path, writes: list[tuple[Path, bytes]]) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    current: Path | None = None
    file: BinaryIO | None = None
    try:
        for path, data in writes:
            if path != current:
                if file is not None:
                    file.close()
                file = path.open("ab")
                current = path
            assert file is not None
            file.write(data)
    finally:
        if file is not None:
            file.close()
