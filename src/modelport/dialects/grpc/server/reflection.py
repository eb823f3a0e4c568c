"""Reflection: which services there are, and their protocols, for clients that have no files of them."""

from __future__ import annotations

from typing import Any

from modelport.dialects.grpc.described import descriptor
from modelport.dialects.grpc.schema import protocol
from modelport.dialects.grpc.server.statuses import INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED
from modelport.dialects.grpc.wire import read, written

PROTOCOL = "reflection"
PACKAGE, OLDER = "grpc.reflection.v1", "grpc.reflection.v1alpha"
SERVICES = tuple(f"{package}.ServerReflection" for package in (PACKAGE, OLDER))
SERVED = ("inference", "health", "reflection")  # the protocols, by their files


def _files() -> dict[str, bytes]:
    """Each file by its name."""
    own = {protocol(name).file: descriptor(name) for name in SERVED}
    return own | {f"{OLDER}.proto": descriptor(PROTOCOL, OLDER)}


def _symbols() -> dict[str, bytes]:
    """By the full name of everything that a file has: the file."""
    found: dict[str, bytes] = {}
    for name in SERVED:
        of = protocol(name)
        names = [*of.messages, *of.enums, *of.services]
        names += [f"{service}.{one.name}" for service, methods in of.services.items() for one in methods]
        found |= dict.fromkeys(names, descriptor(name))
        if name == PROTOCOL:
            older = [OLDER + one.removeprefix(PACKAGE) for one in names]
            found |= dict.fromkeys(older, descriptor(name, OLDER))
    return found


def services() -> list[str]:
    """The full names of all services."""
    found = [service for name in SERVED for service in protocol(name).services]
    return sorted({*found, *SERVICES})


def told(question: bytes) -> bytes:
    """The answer to a `ServerReflectionRequest`. Raises `BadMessage`."""
    asked = read(PROTOCOL, f"{PACKAGE}.ServerReflectionRequest", question)
    answer: dict[str, Any] = {"valid_host": asked.get("host", ""), "original_request": asked}
    return written(PROTOCOL, f"{PACKAGE}.ServerReflectionResponse", answer | _answer(asked))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "list_services" in asked:
        return {"list_services_response": {"service": [{"name": name} for name in services()]}}
    if "file_by_filename" in asked:
        return _file(_files().get(asked["file_by_filename"]), asked["file_by_filename"])
    if "file_containing_symbol" in asked:
        return _file(_symbols().get(asked["file_containing_symbol"]), asked["file_containing_symbol"])
    if "file_containing_extension" in asked or "all_extension_numbers_of_type" in asked:
        return _error(UNIMPLEMENTED, "proto3 has no extensions, and neither have the protocols here")
    return _error(INVALID_ARGUMENT, "the request asks for nothing")


def _file(found: bytes | None, name: str) -> dict[str, Any]:
    if found is None:
        return _error(NOT_FOUND, f"there is no {name[:200]!r} here")
    return {"file_descriptor_response": {"file_descriptor_proto": [found]}}


def _error(code: int, text: str) -> dict[str, Any]:
    return {"error_response": {"error_code": code, "error_message": text}}
