"""Heads of requests, and those that were read before.

A client that keeps its connection sends the same head again and again, to the byte. It is parsed and judged
once: what the parser makes of the same bytes, from the same state, is the same. So only a head that came
whole, with the whole of its body, on a connection whose parser stood before a request, is remembered; and it
is recognised only there.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from modelport.http.asgi import Headers
from modelport.http.forwarded import Told

MAX_HEAD = 4096  # bytes of one that is remembered: with a token, most are longer than 1024
MOST_HEADS = 512
END = b"\r\n\r\n"
END_BYTES = len(END)
LARGE = 16 << 10  # bytes of a body that need not have come with its head for this to be known


class Head:
    """What a request says before its body. Requests that send the same bytes share it: nobody changes it.

    `path` is what the percent-escapes of `raw_path` stand for, `length` that of the body, once it is known.
    Both paths begin with `root_path`, which a proxy has cut off. `told` is what a trusted proxy says of the
    request, `None` if it comes from no such one. `plan` is for whoever is offered requests before the
    application is: what it will do with each of them. Who takes it for one that hardly comes again says that
    it `is_rare`.
    """

    __slots__ = (
        "headers",
        "http_version",
        "is_rare",
        "length",
        "method",
        "path",
        "plan",
        "query",
        "raw_path",
        "root_path",
        "told",
    )

    def __init__(self, method: str, version: str, target: bytes, headers: Headers, root_path: str = ""):
        self.method = method
        self.http_version = version
        self.root_path = root_path
        if root_path and target != b"*":
            target = root_path.encode("ascii") + target
        self.raw_path, _, self.query = target.partition(b"?")
        path = self.raw_path.decode("ascii")
        self.path = urllib.parse.unquote(path) if "%" in path else path
        self.headers = headers
        self.length = 0
        self.plan: Any = None
        self.is_rare = False
        self.told: Told | None = None

    @property
    def content_length(self) -> int:
        """The length of the body, if the head says it, as the parser has checked; else 0."""
        return next((int(value) for name, value in self.headers if name == b"content-length"), 0)


class KnownHeads:
    """The heads that were read by the connections of one server, by their bytes.

    Those that nobody has sent since `MOST_HEADS` others came are forgotten: who sends another head each time,
    such as one key after the other, does not push out those that are sent again. One that is rare is
    remembered once it comes a second time.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self._before: dict[bytes, Head] = {}
        self._rare: set[int] = set()  # by their hashes

    def find(self, data: bytes) -> tuple[Head | None, int]:
        """The head of the request that `data` begins, and where its body does; `None` if not known.

        Unless the body is `LARGE`, `data` is all of the request.
        """
        end = data.find(END, 0, MAX_HEAD) + END_BYTES
        sent = data[:end]
        head = self._heads.get(sent)
        if head is None and sent in self._before:
            head = self._before.pop(sent)
            self._keep(sent, head)
        missing = head.length - len(data) + end if head is not None else 0
        if head is not None and missing and (missing < 0 or head.length <= LARGE):
            head = None
        return head, end

    def learn(self, data: bytes, head: Head, length: int, missing: int = 0) -> None:
        """Remember the head of a request that was read, if `data` is all of it, with a body of `length`, but
        for what is `missing` of that.
        """
        end = data.find(END, 0, MAX_HEAD) + END_BYTES
        if end + length - missing != len(data):
            return
        sent = data[:end]
        if head.is_rare and self._is_new(hash(sent)):
            return
        head.length = length
        self._keep(sent, head)

    def _is_new(self, rare: int) -> bool:
        if rare in self._rare:
            return False
        if len(self._rare) >= MOST_HEADS:
            self._rare.clear()
        self._rare.add(rare)
        return True

    def _keep(self, sent: bytes, head: Head) -> None:
        if len(self._heads) >= MOST_HEADS:
            self._before, self._heads = self._heads, {}
        self._heads[sent] = head
