"""The small model as a bare ASGI application: no framework, no worker, msgspec for JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Request(msgspec.Struct):
    values: list[float]
    threshold: Annotated[float, msgspec.Meta(ge=0, le=100)] = 10.0


class Answer(msgspec.Struct):
    label: str
    score: float


decode = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode


async def app(scope, receive, send):
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    request = decode(body)
    score = sum(request.values)
    answer = encode(Answer("many" if score > request.threshold else "few", score))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
