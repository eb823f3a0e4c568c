"""What is asked at which path: the form of a request and its answer, and the verb of the model."""

from __future__ import annotations

from typing import NamedTuple

from modelport.contract.signature import TextVerbName


class Route(NamedTuple):
    """A path that asks a model. `form` names what its requests and answers look like."""

    path: str
    form: str
    verb: TextVerbName


CHAT = Route("/v1/chat/completions", "chat", "chat")
COMPLETE = Route("/v1/completions", "complete", "complete")
EMBED = Route("/v1/embeddings", "embed", "embed")
RESPOND = Route("/v1/responses", "respond", "chat")
ROUTES = (CHAT, COMPLETE, EMBED, RESPOND)
BY_FORM = {route.form: route for route in ROUTES}
