"""Text of a query, a form or a command line, read as the type that a hint names."""

from __future__ import annotations

import contextlib
import re
import types
from typing import Any, Union, get_args, get_origin

import msgspec
import pydantic
from pydantic import TypeAdapter

from modelport.contract.hints import adapter_of, bare, is_list
from modelport.contract.natural_types import is_values

WORDS = frozenset(
    {"true", "false", "null"}
)  # of JSON; its numbers, texts, arrays and objects begin otherwise
BEGINS = frozenset('[{"-0123456789')
CELL = int | float | bool | str  # of an array or a series, whose own hint says no more
SECONDS = re.compile(r"(-?)([0-9]{1,15}(?:\.[0-9]{1,9})?)")
MAX_TEXT = 1 << 20  # more is not tried twice


class TextReader:
    """Reads the text of one argument. `adapter` is that of its hint."""

    def __init__(self, hint: Any, adapter: TypeAdapter[Any]):
        self.hint = hint
        self.adapter = adapter
        values = is_values(bare(hint))
        self.takes_several = values or is_list(hint)
        self.is_union = _is_union(hint)
        self._may_be_list = self.is_union and any(map(is_list, get_args(bare(hint))))
        self.takes_repeated = self.takes_several or self._may_be_list  # more than one text
        self._items: list[TextReader] = []
        self._repeats = True
        if self.takes_several:
            of = (CELL,) if values else get_args(bare(hint))
            self._repeats = get_origin(bare(hint)) is not tuple or of[1:] == (Ellipsis,)
            of = of[:1] if self._repeats else of
            self._items = [TextReader(item, adapter_of(item)) for item in of]

    def read(self, texts: list[Any]) -> Any:
        """The value of an argument that came as these texts. Raises `pydantic.ValidationError`.

        A list may be given as repeated keys, each item text or JSON, or as one JSON array.
        """
        if not self.takes_several:
            is_list_of_texts = len(texts) > 1 and self._may_be_list
            return self.adapter.validate_python(texts) if is_list_of_texts else self._one(texts[0])
        if len(texts) == 1 and _begins(texts[0], "["):
            try:
                return self.adapter.validate_json(texts[0])
            except pydantic.ValidationError as error:
                try:
                    return self._each(texts)
                except pydantic.ValidationError:
                    raise error from None
        return self._each(texts)

    def _each(self, texts: list[Any]) -> Any:
        return self.adapter.validate_python([self._item(number, text) for number, text in enumerate(texts)])

    def _item(self, number: int, text: Any) -> Any:
        if not self._items or not isinstance(text, str) or (number >= len(self._items) and not self._repeats):
            return text
        try:
            return self._items[0 if self._repeats else number].read([text])
        except pydantic.ValidationError:
            return text if not _begins(text, '[{"') else _parsed(text)  # the whole list says what is wrong

    def _one(self, text: Any) -> Any:
        if not isinstance(text, str):
            return self.adapter.validate_python(text)
        if self.is_union and text.strip() != "null":
            try:  # a number is one, and no text, where it may be both
                return self._of_json(text, strict=True)
            except pydantic.ValidationError:
                pass
        try:
            return self.adapter.validate_strings(text)
        except pydantic.ValidationError as error:
            try:
                return self._of_json(text, strict=not _begins(text, '[{"'))
            except pydantic.ValidationError as second:
                seconds = SECONDS.fullmatch(text.strip())
                if seconds is not None:  # of a duration: text has it by its units otherwise
                    with contextlib.suppress(pydantic.ValidationError):
                        return self.adapter.validate_strings(f"{seconds[1]}PT{seconds[2]}S")
                raise second if _begins(text, '[{"') else error from None

    def _of_json(self, text: str, *, strict: bool) -> Any:
        """The value that the text is as JSON, where scalars may be strict: `true` is no whole number."""
        stripped = text.strip()
        if stripped in WORDS or (stripped[:1] in BEGINS and len(stripped) <= MAX_TEXT):
            return self.adapter.validate_json(stripped, strict=strict)
        return self.adapter.validate_json("", strict=strict)  # raises


def _begins(text: Any, with_one_of: str) -> bool:
    return isinstance(text, str) and text.lstrip()[:1] in tuple(with_one_of)


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _is_union(hint: Any) -> bool:
    """True for a choice between several types, `None` not counted."""
    found = bare(hint)
    return get_origin(found) in (Union, types.UnionType)
