"""The short way of a plain call, which most are: a prediction whose request is one JSON object.

Plain is a call with a JSON body in its frame, an object of known arguments, and no query string, which
accepts what is answered, in a dialect that adds nothing to `read_call` and to the answer as the model's
contract has it, to a model that takes no files, reads no header and has no argument `accept`. There, no
other place has to be searched, and nothing can be unknown, ignored or unread. What depends on the headers
alone is decided once for each of them. All else, and so whatever needs words about where something was
sent, goes the long way (`read_call`, `bind`), by the same functions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from modelport.contract.calls import Call
from modelport.contract.media_types import best_media_type
from modelport.contract.served import ServedModel
from modelport.dialects.codecs import codec_of
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.requests import UTF_8, content_type, read_call
from modelport.worker.answers import is_data
from modelport.worker.frames import Load
from modelport.worker.streams import comes_whole

MAX_HEADERS = 256  # different ones that are remembered


@lru_cache(maxsize=1024)
def is_json_type(kind: type[object]) -> bool:
    """True for types of which every value is answered whole and as JSON: no streams, no text, no files."""
    return is_data(kind) and comes_whole(kind) and not issubclass(kind, str)


class PlainCalls:
    """What is decided once of the plain calls of a model."""

    def __init__(self, model: ServedModel, load: Load):
        self._predict = model.signature.predict
        self._depth = load.json_depth
        is_alone = self._predict.implemented and not self._predict.files and self._predict.accept is None
        self._binding = model.object_binding("predict") if is_alone else None
        self._media_types: dict[tuple[str, str, str], str] = {}

    @property
    def are_there(self) -> bool:
        """True if a call of this model may be plain."""
        return self._binding is not None

    def bound(self, call: Call) -> tuple[Call, dict[str, Any], str] | None:
        """The call with its arguments and the media type of its answer; `None` if it is not plain.

        Raises what the long way would.
        """
        binding = self._binding
        raw = call.body
        if binding is None or not raw or call.query or call.body_path or call.verb != "predict":
            return None
        headers = (call.content_type, call.accept, call.dialect)
        media_type = self._media_types.get(headers)
        if media_type is None:
            media_type = self._decide(headers, call)
        if not media_type:
            return None
        found = parse_json(raw, self._depth)
        if found.__class__ is not dict or not found.keys() <= binding.names:
            return None
        return call, binding.bind(found, raw), media_type

    def _decide(self, headers: tuple[str, str, str], call: Call) -> str:
        """The media type of the answers to calls with these headers; empty if they are not plain."""
        if len(self._media_types) >= MAX_HEADERS:
            self._media_types.clear()
        media, charset = content_type(call.content_type)
        codec = codec_of(call.dialect)
        adds_nothing = codec.read is read_call and codec.is_as_contract_says and codec.fit is None
        is_plain = media == "json" and charset in UTF_8 and adds_nothing
        media_type = best_media_type(call.accept, self._predict.media_types) if is_plain else None
        self._media_types[headers] = media_type or ""
        return media_type or ""
