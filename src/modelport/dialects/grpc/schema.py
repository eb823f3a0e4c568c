"""Protocols: their messages, enums and services, as the files in `protocols/` say.

What is read is the part of proto3 that these use. They are ours, so nothing here guards against a wrong one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Kind = Literal[
    "double", "float", "int64", "uint64", "int32", "bool", "string", "bytes", "uint32", "message", "enum"
]
SCALARS: frozenset[str] = frozenset(
    {"double", "float", "int64", "uint64", "int32", "bool", "string", "bytes", "uint32"}
)
COMMENT = re.compile(r"//[^\n]*")
TOKEN = re.compile(r'"[^"]*"|[A-Za-z_][\w.]*|\d+|[{}=;(),<>]')


class Field(NamedTuple):
    """A field of a message. `type` is the full name of a message or an enum; `oneof` what it is a choice of.

    One that `is_map` is repeated, and each of its messages a key and a value.
    """

    name: str
    number: int
    kind: Kind
    type: str = ""
    is_repeated: bool = False
    is_map: bool = False
    oneof: str = ""


@dataclass
class Message:
    """A message, by its full name; `nested` are those within it, but for those of maps."""

    name: str
    fields: dict[int, Field] = field(default_factory=dict[int, Field])
    nested: list[str] = field(default_factory=list[str])
    enums: list[str] = field(default_factory=list[str])

    def field_of(self, name: str) -> Field:
        """The field of this name. Raises `KeyError`."""
        for one in self.fields.values():
            if one.name == name:
                return one
        raise KeyError(f"{self.name} has no {name}")


class Method(NamedTuple):
    """A method of a service, which takes and gives messages of these names, or streams of them."""

    name: str
    takes: str
    gives: str
    takes_stream: bool
    gives_stream: bool


@dataclass
class Protocol:
    """One file. Names are full ones; `services` have their methods."""

    file: str
    package: str = ""
    top: list[str] = field(default_factory=list[str])  # its messages and enums that are within no other
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    enums: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    services: dict[str, list[Method]] = field(default_factory=dict[str, list[Method]])


@cache
def protocol(name: str) -> Protocol:
    """The protocol of a file in `protocols/`."""
    text = (files("modelport.dialects.grpc") / "protocols" / f"{name}.proto").read_text()
    return _Reading(Protocol(f"{name}.proto"), text).whole()


class _Reading:
    """One pass over the words of a file."""

    def __init__(self, found: Protocol, text: str):
        self.found = found
        self._words = TOKEN.findall(COMMENT.sub("", text))
        self._at = 0

    def whole(self) -> Protocol:
        while self._at < len(self._words):
            self._statement("", None)
        for message in self.found.messages.values():
            message.fields = {number: self._resolved(one, message) for number, one in message.fields.items()}
        return self.found

    def _next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]

    def _take(self, wanted: str) -> bool:
        """Whether the next word is this one, which is passed then."""
        is_next = self._words[self._at] == wanted
        self._at += is_next
        return is_next

    def _statement(self, scope: str, within: Message | None, oneof: str = "") -> None:
        word = self._next()
        if word == "package":
            self.found.package = self._next()
            self._next()
        elif word == "syntax":
            self._at += 3
        elif word == "service":
            self._service()
        elif word in ("message", "enum"):
            name = self._next()
            full = f"{scope or self.found.package}.{name}"
            if within is None:
                self.found.top.append(full)
            else:
                (within.nested if word == "message" else within.enums).append(full)
            self._message(full) if word == "message" else self._enum(full)
        elif word == "oneof":
            assert within is not None
            name = self._next()
            self._next()
            while not self._take("}"):
                self._statement(scope, within, name)
        else:
            assert within is not None
            self._field(word, within, oneof)

    def _message(self, full: str) -> None:
        message = self.found.messages[full] = Message(full)
        self._next()
        while not self._take("}"):
            self._statement(full, message)

    def _enum(self, full: str) -> None:
        values = self.found.enums[full] = {}
        self._next()
        while not self._take("}"):
            name = self._next()
            self._next()
            values[name] = int(self._next())
            self._next()

    def _service(self) -> None:
        methods = self.found.services[f"{self.found.package}.{self._next()}"] = []
        self._next()
        while not self._take("}"):
            self._next()  # rpc
            name = self._next()
            takes_stream, takes = self._of_method()
            self._next()  # returns
            gives_stream, gives = self._of_method()
            self._next()
            methods.append(Method(name, takes, gives, takes_stream, gives_stream))

    def _of_method(self) -> tuple[bool, str]:
        self._next()
        is_stream = self._take("stream")
        name = self._next()
        self._next()
        return is_stream, f"{self.found.package}.{name}"

    def _field(self, word: str, within: Message, oneof: str) -> None:
        is_map, is_repeated = word == "map", word == "repeated"
        if is_map:
            self._at += 3  # their keys are texts
            kind = self._next()
            self._next()
        else:
            kind = self._next() if is_repeated else word
        name = self._next()
        self._next()
        number = int(self._next())
        self._next()
        found = Field(name, number, "message", kind, is_repeated or is_map, is_map, oneof)
        within.fields[number] = found

    def _resolved(self, one: Field, within: Message) -> Field:
        """The field, whose type is known now that all are."""
        if one.type in SCALARS:
            return one._replace(kind=one.type, type="")  # pyright: ignore[reportArgumentType]
        scope = within.name
        while True:
            full = f"{scope}.{one.type}"
            if full in self.found.messages:
                return one._replace(type=full)
            if full in self.found.enums:
                return one._replace(kind="enum", type=full)
            scope = scope.rpartition(".")[0]
