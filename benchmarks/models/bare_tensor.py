"""The tensor model as a bare ASGI application in one process: no framework, no worker, msgspec for JSON."""

from __future__ import annotations

import msgspec
import numpy

decode, encode = msgspec.json.decode, msgspec.json.Encoder().encode


async def app(scope, receive, send):
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    fields = dict(scope["headers"])
    length = int(fields.get(b"inference-header-content-length", b"0"))
    said = decode(bytes(body[:length]) or b'{"inputs": [{"shape": [0]}]}')
    shape = said["inputs"][0]["shape"]
    image = numpy.frombuffer(memoryview(body)[length:], "<f4").reshape(shape)
    found = image[:, :, 0, 0] if image.ndim == 4 else image
    output = {"name": "output", "datatype": "FP32", "shape": found.shape, "data": found.ravel().tolist()}
    answer = encode({"model_name": "tensor", "outputs": [output]})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
