"""Which errors an endpoint may answer with, besides those of any connection: the same for all of a kind."""

from __future__ import annotations

from typing import Any

from modelport.api.endpoints.row import Answer, data

# What any resource may answer: these come from the server's border, before anything is looked up.
BORDER = (400, 405, 406, 408, 414, 431, 500)
FOUND = (404,)
STORED = (404, 503)  # it is looked up in the store, which may be away
CHANGED = (404, 503, 507)  # and written
SENT = (413, 415)  # by a body of JSON
CALLED = (404, 413, 415, 422, 429, 501, 503, 504, 507)  # a model
SWITCHED_OFF = (402, 404, 413)
# What a dialect that has errors of its own says in those, of its predictions.
IN_OWN_WORDS = (400, 401, 402, 403, 404, 413, 415, 421, 422, 429, 500, 501, 503, 504, 507)


def in_own_words(good: Answer, error: Any) -> dict[int, Answer]:
    """The answers of a prediction by a dialect whose errors are of the type `error`."""
    return {200: good, **dict.fromkeys(IN_OWN_WORDS, data("What was wrong", error))}
