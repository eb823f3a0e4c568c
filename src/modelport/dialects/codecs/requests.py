"""From a call, as raw bytes, to the places where its arguments stand."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

from modelport.contract.calls import Call
from modelport.contract.errors import BadRequest, ModelportError
from modelport.contract.places import Body, FormValue, Places
from modelport.contract.unread import (
    HEAD,
    json_in_a_form,
    looks_like_json,
    no_object,
    table_in_a_form,
    unread_body,
)
from modelport.dialects.codecs.json_body import parse_json
from modelport.sources.deepaas_modules import uploaded_file_class

MAX_FIELDS = 1000
MAX_SHOWN = 100  # characters of a name in a message
UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
LATIN_1 = (
    "iso-8859-1",
    "latin1",
    "latin-1",
)  # what Java's clients say of forms, unless they are told otherwise
BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def read_call(call: Call, json_depth: int) -> Places:
    """The arguments of a call by place. Raises `BadRequest` for what cannot be read.

    A body that gives no arguments is `unread`: whoever binds them decides when to say so.
    """
    media, charset = content_type(call.content_type)
    json_value: dict[str, Any] | None = None
    raw_json: bytes | None = None
    form: dict[str, list[FormValue]] | None = None
    unread: ModelportError | None = None
    if media == "json":
        if charset not in UTF_8:
            raise BadRequest(f"JSON is UTF-8; charset={charset} is not supported", 415)
        raw = body_of(call)
        if raw:  # none at all says nothing; blanks are no JSON
            value = parse_json(raw, json_depth)
            if isinstance(value, dict):
                json_value = cast("dict[str, Any]", value)
                raw_json = raw
            else:
                raw_json = b"{}"
                unread = no_object(value)
    elif media == "form":
        form, unread = _url_form(body_of(call), charset)
    elif media == "multipart":
        form = _form(call)
    query = parse_pairs(call.query, "query string") if call.query else None
    places = Places(query, form, json_value, call.headers, call.accept, raw_json)
    places.unread = unread
    if media == "" and (call.body_path or (call.body if call.content_type else call.body.strip())):
        places.body = Body(call.content_type, bytes(call.body), call.body_path)
        places.unread = unread_body(call.content_type, places.body.head(HEAD))
    return places


def _url_form(raw: bytes, charset: str) -> tuple[dict[str, list[FormValue]], ModelportError | None]:
    """The fields of an urlencoded form, and what is wrong with one that is JSON or a table."""
    if charset not in UTF_8 and charset not in LATIN_1:
        raise BadRequest(f"forms are UTF-8; charset={charset} is not supported", 415)
    if looks_like_json(raw[:HEAD]):
        return {}, json_in_a_form()
    encoding = "latin-1" if charset in LATIN_1 else "utf-8"
    form = cast("dict[str, list[FormValue]]", parse_pairs(raw, "form", encoding))
    if len(form) == 1 and looks_like_json(next(iter(form)).encode()[:HEAD]):  # it was %-encoded, too
        return {}, json_in_a_form()
    if b"=" not in raw and b"&" not in raw and b"," in raw:
        return {}, table_in_a_form()
    return form, None


@lru_cache(maxsize=256)
def content_type(header: str) -> tuple[str, str]:
    """What a body is (`json`, `form`, `multipart` or nothing of these) and its charset, lower case."""
    media, _, rest = header.partition(";")
    media = media.strip().lower()
    charset = ""
    for parameter in rest.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if media == "application/json" or (media.startswith("application/") and media.endswith("+json")):
        return "json", charset
    if media == "application/x-www-form-urlencoded":
        return "form", charset
    return ("multipart" if media == "multipart/form-data" else ""), charset


def is_own_type(header: str) -> bool:
    """True for bodies that only their media type can tell: forms with files."""
    return content_type(header)[0] == "multipart"


def body_of(call: Call) -> bytes:
    """The bytes of the body, wherever they are; a bytearray which nobody else has, if it came so.

    What is read from it may share its memory. Others make `bytes` of it.
    """
    return Path(call.body_path).read_bytes() if call.body_path else call.body


def refuse_beside_body(call: Call, arguments: str, body: str) -> None:
    """Raise `BadRequest` for a query string and for a form, where all stands in a body that is neither.

    `arguments` says where they stand instead, and `body` what it is.
    """
    if call.query:
        name = next(iter(parse_pairs(call.query, "query string")), "")[:MAX_SHOWN]
        raise BadRequest(f"there is no query option {name!r}: {arguments}", 422)
    if call.fields or call.uploads:
        raise BadRequest(f"{body}, and no form", 415)


def parse_pairs(raw: bytes, what: str, encoding: str = "utf-8") -> dict[str, list[str]]:
    """`a=1&b=2` as a dictionary of lists. Raises `BadRequest` for broken escapes, bad UTF-8 and NUL."""
    of_file = "; a file as the body has its own Content-Type" if what == "form" else ""
    if BAD_ESCAPE.search(raw):
        raise BadRequest(f"the {what} has a broken %-escape{of_file}")
    try:
        pairs = parse_qsl(
            raw.decode(encoding),
            keep_blank_values=True,
            encoding=encoding,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise BadRequest(f"the {what} is not UTF-8{of_file}") from None
    except ValueError:
        raise BadRequest(f"the {what} has more than {MAX_FIELDS} fields") from None
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        if "\0" in value or "\0" in key:
            raise BadRequest(f"the {what} holds a NUL character")
        found.setdefault(key, []).append(value)
    return found


def _form(call: Call) -> dict[str, list[FormValue]]:
    form: dict[str, list[FormValue]] = {}
    for name, value in call.fields:
        form.setdefault(name, []).append(value)
    for name, files in files_of(call).items():
        form.setdefault(name, []).extend(files)
    return form


def files_of(call: Call) -> dict[str, list[FormValue]]:
    """The files that came with a call, by argument."""
    files: dict[str, list[FormValue]] = {}
    make: Any = uploaded_file_class()
    for upload in call.uploads:
        made = make(upload.field, upload.path, upload.content_type, upload.filename)
        files.setdefault(upload.field, []).append(made)
    return files


def waiting(request: Any) -> Places:
    """A request whose arguments are found once the model's own names are known (`Codec.fit`)."""
    places = Places()
    places.request = request
    return places
