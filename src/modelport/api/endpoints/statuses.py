"""Which errors an endpoint may answer with, besides those of any connection: the same for all of a kind."""

from __future__ import annotations

# What any resource may answer: these come from the server's border, before anything is looked up.
BORDER = (400, 405, 406, 408, 414, 431, 500)
FOUND = (404,)
STORED = (404, 503)  # it is looked up in the store, which may be away
CHANGED = (404, 503, 507)  # and written
SENT = (413, 415)  # by a body of JSON
CALLED = (404, 413, 415, 422, 429, 501, 503, 504, 507)  # a model
SWITCHED_OFF = (402, 404, 413)
