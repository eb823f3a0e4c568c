"""What one row of the table of endpoints says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.small_bodies import json_body
from modelport.contract.signature import JSON, CallVerb
from modelport.identity.principals import AccessScope

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T", bound=msgspec.Struct)
ReadBody = Callable[[], Awaitable[T]]  # what reads the body of a request, once, when its handler asks


class Parameter(NamedTuple):
    """A parameter that belongs to the server, not to a model."""

    name: str
    place: Literal["path", "query", "header"]
    words: str
    schema: dict[str, Any]


class Answer(NamedTuple):
    """A good answer, or one in a shape of its own. `type` is its JSON's; no media type means no body.

    It comes in `others` too, by Accept.
    """

    words: str
    type: Any = None
    media_type: str | None = None
    others: tuple[str, ...] = ()


def data(words: str, type: Any) -> Answer:
    """An answer of JSON."""
    return Answer(words, type, JSON)


class BodyHandler(NamedTuple):
    """A handler that takes a JSON body of this type; see `with_body`."""

    body: type[msgspec.Struct]
    of: Callable[[Handlers], Handler]
    is_optional: bool = False
    takes_form: bool = False

    def __call__(self, on: Handlers) -> Handler:
        return self.of(on)


def with_body(
    body: type[T],
    handler: Callable[[Handlers], Callable[[Request, ReadBody[T]], Awaitable[Response]]],
    *,
    optional: bool = False,
    form: bool = False,
) -> BodyHandler:
    """A handler that takes a JSON body of this type, and reads it when it has looked at the path.

    Reading raises `Problem` for what is no such body. Where it is `optional`, none is an empty one;
    a `form` of texts may come in its place.
    """

    def of(on: Handlers) -> Handler:
        answer = handler(on)
        return lambda request: answer(
            request, partial(json_body, request, body, optional=optional, form=form)
        )

    return BodyHandler(body, of, optional, form)


class Endpoint(msgspec.Struct, frozen=True):
    """One method on one path, relative to the base path, and as the API documents write it.

    `handler` finds what answers among those of the application, `with_body` where that takes JSON that is no
    model's. `tag` is the group of the documents in which it stands, empty if it stands in none; `name` its
    name there, and `answers` and `errors` (statuses) are what it answers, besides what any does, and the
    model that it `calls`. `calls` is a verb: then the query string holds the model's arguments, and so does
    the body of a POST, unless that is a file of one of the media types `file_types`. What else is sent is
    refused; with `is_lenient` it is ignored, as the system does that has this endpoint, and the answer says
    so. `setting` names the setting without which it is not there.
    What is `owned` by who made it, they may use whatever their scopes are; `scope` is what others need.
    `action` is what the audit calls it, if that is told who has done it. What `is_unlimited` counts for no
    limit of who asks. Where it `has_verbs`, one may stand behind the name of a model, after a colon. What
    only asks how the server is, again and again, `is_probe`: that is no use of it.
    """

    method: str
    path: str
    handler: Callable[[Handlers], Handler]
    scope: AccessScope
    tag: str = ""
    name: str = ""
    summary: str = ""
    answers: Mapping[int, Answer] = {}
    errors: tuple[int, ...] = ()
    calls: CallVerb | None = None
    parameters: tuple[Parameter, ...] = ()
    description: str = ""
    is_lenient: bool = False
    setting: str = ""
    file_types: tuple[str, ...] = ()
    owned: bool = False
    action: str = ""
    is_unlimited: bool = False
    has_verbs: bool = False
    is_probe: bool = False

    @property
    def route(self) -> str:
        """Its path as it is routed: slashes at the end of a request's path never matter."""
        return self.path.rstrip("/") or "/"

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """The type of its JSON body, if it takes one that is no model's."""
        return self.handler.body if isinstance(self.handler, BodyHandler) else None

    @property
    def needs_body(self) -> bool:
        """Whether a request without its JSON body is refused."""
        return isinstance(self.handler, BodyHandler) and not self.handler.is_optional

    @property
    def takes_form(self) -> bool:
        """Whether an urlencoded form may come in the place of its JSON."""
        return isinstance(self.handler, BodyHandler) and self.handler.takes_form

    @property
    def takes_body(self) -> bool:
        """Whether it reads the body of a request."""
        return self.body is not None or (self.calls is not None and self.method == "POST")

    @property
    def query_options(self) -> list[str]:
        """The names that its query string may hold, besides the arguments of a model."""
        return [one.name for one in self.parameters if one.place == "query"]
