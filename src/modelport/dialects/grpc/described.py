"""What tells a client of the protocols: descriptors, as reflection hands them out."""

from __future__ import annotations

from functools import cache
from typing import Any

from modelport.dialects.grpc.schema import Field, Message, Protocol, protocol
from modelport.dialects.grpc.wire import written

TYPES = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "bool": 8, "string": 9, "message": 11,
    "bytes": 12, "uint32": 13, "enum": 14,
}  # fmt: skip
ONE, MANY = 1, 3


@cache
def descriptor(name: str, package: str = "") -> bytes:
    """The `FileDescriptorProto` of a file in `protocols/`; its package may be called otherwise."""
    of = protocol(name)
    data = written("descriptor", "google.protobuf.FileDescriptorProto", _file(of))
    return data if not package else _renamed(of, package)


def _renamed(of: Protocol, package: str) -> bytes:
    def new(name: str) -> str:
        return package + name.removeprefix(of.package)

    def field_of(one: Field) -> Field:
        return one._replace(type=new(one.type) if one.type else "")

    other = Protocol(f"{package}.proto", package, [new(name) for name in of.top])
    for message in of.messages.values():
        fields = {number: field_of(one) for number, one in message.fields.items()}
        nested, enums = list(map(new, message.nested)), list(map(new, message.enums))
        other.messages[new(message.name)] = Message(new(message.name), fields, nested, enums)
    other.enums = {new(name): values for name, values in of.enums.items()}
    for service, methods in of.services.items():
        other.services[new(service)] = [
            one._replace(takes=new(one.takes), gives=new(one.gives)) for one in methods
        ]
    return written("descriptor", "google.protobuf.FileDescriptorProto", _file(other))


def _file(of: Protocol) -> dict[str, Any]:
    return {
        "name": of.file,
        "package": of.package,
        "message_type": [_message(of, of.messages[name]) for name in of.top if name in of.messages],
        "enum_type": [_enum(name, of.enums[name]) for name in of.top if name in of.enums],
        "service": [_service(of, name) for name in of.services],
        "syntax": "proto3",
    }


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _message(of: Protocol, message: Message) -> dict[str, Any]:
    choices = list(dict.fromkeys(one.oneof for one in message.fields.values() if one.oneof))
    maps = [one for one in message.fields.values() if one.is_map]
    return {
        "name": _short(message.name),
        "field": [_field(message, one, choices) for one in message.fields.values()],
        "nested_type": [
            *(_message(of, of.messages[name]) for name in message.nested),
            *(_entry(one) for one in maps),
        ],
        "enum_type": [_enum(name, of.enums[name]) for name in message.enums],
        "oneof_decl": [{"name": one} for one in choices],
    }


def _field(message: Message, one: Field, choices: list[str]) -> dict[str, Any]:
    type_name = f".{message.name}.{_entry_name(one)}" if one.is_map else f".{one.type}" if one.type else ""
    found: dict[str, Any] = {
        "name": one.name,
        "number": one.number,
        "label": MANY if one.is_repeated else ONE,
        "type": TYPES[one.kind],
        "type_name": type_name,
    }
    return found | {"oneof_index": choices.index(one.oneof)} if one.oneof else found


def _entry_name(one: Field) -> str:
    return "".join(map(str.capitalize, one.name.split("_"))) + "Entry"


def _entry(one: Field) -> dict[str, Any]:
    """The message that the keys and values of a map are."""
    key = {"name": "key", "number": 1, "label": ONE, "type": TYPES["string"]}
    value = {
        "name": "value",
        "number": 2,
        "label": ONE,
        "type": TYPES[one.kind],
        "type_name": f".{one.type}",
    }
    return {"name": _entry_name(one), "field": [key, value], "options": {"map_entry": True}}


def _enum(name: str, values: dict[str, int]) -> dict[str, Any]:
    return {
        "name": _short(name),
        "value": [{"name": key, "number": number} for key, number in values.items()],
    }


def _service(of: Protocol, name: str) -> dict[str, Any]:
    return {
        "name": _short(name),
        "method": [
            {
                "name": one.name,
                "input_type": f".{one.takes}",
                "output_type": f".{one.gives}",
                "client_streaming": one.takes_stream,
                "server_streaming": one.gives_stream,
            }
            for one in of.services[name]
        ],
    }
