"""How spans are sent: what OpenTelemetry's variables say of it, and what holds where they say nothing.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

A value that is none is said in the log, and what holds without it, holds.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from modelport import __version__

log = logging.getLogger("modelport.telemetry")

OF_TRACES, OF_ALL = "OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"
PATH = "v1/traces"
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*")
COMPRESSIONS = ("none", "gzip", "deflate")
PROTOCOL = "http/protobuf"


class Sending(NamedTuple):
    """Where batches of spans are posted, and how.

    `timeout` is what one may take in seconds, with all that is tried again; `compression` is one of
    `COMPRESSIONS`; `authority`, `certificate` and `key` are files, or empty. Up to `most` spans wait for up
    to `delay` seconds, and `batch` go together.
    """

    url: str
    headers: Mapping[str, str]
    timeout: float
    compression: str
    authority: str
    certificate: str
    key: str
    delay: float
    batch: int
    most: int


def sending(endpoint: str, variables: Mapping[str, str]) -> Sending:
    """How spans are sent, to this address or, where that is empty, to the one of the variables."""

    def said(name: str) -> str:
        """The value that is for traces alone comes first."""
        return variables.get(OF_TRACES + name) or variables.get(OF_ALL + name) or ""

    protocol = said("PROTOCOL").strip().lower()
    if protocol not in ("", PROTOCOL):
        log.warning("OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by %s, not by %s", PROTOCOL, protocol)
    compression = said("COMPRESSION").strip().lower() or COMPRESSIONS[0]
    if compression not in COMPRESSIONS:
        log.warning("OTEL_EXPORTER_OTLP_COMPRESSION: there is no %s; nothing is compressed", compression)
        compression = COMPRESSIONS[0]
    most = int(_number(variables, "OTEL_BSP_MAX_QUEUE_SIZE", 2048, least=1))
    batch = int(_number(variables, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, least=1))
    name = OF_TRACES + "TIMEOUT" if variables.get(OF_TRACES + "TIMEOUT") else OF_ALL + "TIMEOUT"
    return Sending(
        url=endpoint or _url(variables),
        headers=_headers(said("HEADERS")),
        timeout=_number(variables, name, 10),
        compression=compression,
        authority=said("CERTIFICATE"),
        certificate=said("CLIENT_CERTIFICATE"),
        key=said("CLIENT_KEY"),
        delay=_number(variables, "OTEL_BSP_SCHEDULE_DELAY", 5000) / 1000,
        batch=min(batch, most),
        most=most,
    )


def resource(instance: str, variables: Mapping[str, str]) -> dict[str, str]:
    """What is said of this server with its spans. What the variables say comes first."""
    said = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "modelport",
        "telemetry.sdk.version": __version__,
        "service.name": "modelport",
        "service.version": __version__,
        "service.instance.id": instance,
    }
    name = "OTEL_RESOURCE_ATTRIBUTES"
    said |= {key: unquote(value) for key, value in _pairs(name, variables.get(name, ""))}
    service = variables.get("OTEL_SERVICE_NAME", "")
    return said | {"service.name": service} if service else said


def _url(variables: Mapping[str, str]) -> str:
    own = variables.get(OF_TRACES + "ENDPOINT")
    return (
        own or f"{(variables.get(OF_ALL + 'ENDPOINT') or 'http://localhost:4318').removesuffix('/')}/{PATH}"
    )


def _headers(text: str) -> dict[str, str]:
    name = "OTEL_EXPORTER_OTLP_HEADERS"
    headers: dict[str, str] = {}
    for key, value in _pairs(name, text):
        field, said = unquote(key).strip(" \t").lower(), unquote(value).strip(" \t")
        if FIELD_NAME.fullmatch(field) and FIELD_VALUE.fullmatch(said):
            headers[field] = said
        else:
            log.warning("%s: a field of HTTP can have no such name or value; it is left out", name)
    return headers


def _pairs(name: str, text: str) -> list[tuple[str, str]]:
    """The parts of `key=value,key=value`. What is wrong is not shown: it may be a secret."""
    pairs: list[tuple[str, str]] = []
    for part in filter(None, map(str.strip, text.split(","))):
        key, is_pair, value = part.partition("=")
        if is_pair and key.strip():
            pairs.append((key.strip(), value.strip()))
        else:
            log.warning("%s: a part of it is no key=value; it is left out", name)
    return pairs


def _number(variables: Mapping[str, str], name: str, default: float, *, least: float = 0) -> float:
    written = variables.get(name, "").strip()
    try:
        number = float(written or default)
    except ValueError:
        number = -1.0
    if not least <= number <= 1e9 or (not number and least == 0):
        log.warning("%s: %s is no such number; it is %g", name, written, default)
        return default
    return number
