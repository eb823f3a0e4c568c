"""The page for people: its rooms at `/ui/…`, and at the root for browsers; its files below `/ui/assets/`.

`make ui` builds it from the folder `ui/` of the project into `page/` beside this file, and the wheel holds
what was built. What it shows comes from the API, which asks who asks; the page itself is for anybody, since
it must be there to log in.
"""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from modelport.contract.media_types import best_media_type
from modelport.contract.signature import JSON
from modelport.http.asgi import Scope, header
from modelport.problems import Problem
from modelport.settings import Settings

FOLDER = Path(__file__).parent / "page"
ASSETS = FOLDER / "assets"
NAME = re.compile(r"\w[\w.-]*")  # of a file there
ROOMS = "/ui"
HOME = f"{ROOMS}/models"
BASE = '<base href="/ui/" />'  # in the page as it is built: where its own links begin
NOT_BUILT = "the page was not built here; `make ui` in the project's folder does it (it needs npm)"
HTML = "text/html"
YEAR = "public, max-age=31536000, immutable"  # a file's name says what is in it
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


class PageRoutes:
    """The handlers, one method a resource."""

    def __init__(self, settings: Settings, base_path: str):
        self.base_path = base_path
        self._is_offered = settings.page_endpoint
        self._is_built = is_built()
        self._frame_origins = settings.frame_origins

    def belongs_to(self, scope: Scope) -> bool:
        """Whether a request of the root is a browser's, which gets the page where a program gets JSON."""
        return (
            scope["method"] in ("GET", "HEAD")
            and scope["path"].rstrip("/") == self.base_path
            and self._is_offered
            and prefers_page(header(scope, b"accept"))
            and self._is_built
        )

    async def room(self, request: Request) -> Response:
        """`GET /ui/{room}`: the page, which looks at its own address to find the room."""
        built = await asyncio.to_thread(self._built)
        if not built:
            raise Problem(404, NOT_BUILT)
        frames = self._frame_origins if is_embedded(request) else []
        headers = {"content-security-policy": policy(frames), "cache-control": "no-cache", "vary": "accept"}
        return HTMLResponse(built, headers=headers)

    async def asset(self, request: Request) -> Response:
        """`GET /ui/assets/{file}`: a script, a style or a picture, compressed for who takes it."""
        name: str = request.path_params["file"]
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        file = await asyncio.to_thread(_file_of, name, takes_gzip)
        if file is None:
            raise Problem(404, f"the page has no file {name[:100]!r}; load the page again")
        headers = {"cache-control": YEAR, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
        if file.name != name:
            headers["content-encoding"] = "gzip"
        return FileResponse(file, headers=headers, media_type=TYPES.get(Path(name).suffix))

    def _built(self) -> str:
        """The page, with its links where this server has it; empty where it was not built."""
        try:
            found = (FOLDER / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        return found.replace(BASE, f'<base href="{html.escape(self.base_path + ROOMS)}/" />')


def is_built() -> bool:
    """Whether there is a page to be served."""
    return (FOLDER / "index.html").is_file()


def _file_of(name: str, takes_gzip: bool) -> Path | None:
    """The file of the page that has this name, or its compressed copy; `None` if there is none.

    It is looked up each time: the page, or modelport, may be installed anew while this one runs.
    """
    file = ASSETS / name
    if not NAME.fullmatch(name) or not file.is_file():
        return None
    packed = file.with_name(f"{name}.gz")
    return packed if takes_gzip and packed.is_file() else file


def is_embedded(request: Request) -> bool:
    """Whether this is the form of a model that asks to be shown in a frame: no other room may be in one."""
    first, *rest = request.path_params["room"].split("/")
    return first == "models" and len(rest) == 1 and bool(rest[0]) and request.query_params.get("embed") == "1"


def policy(frames: list[str]) -> str:
    """What the page may do: nothing of another server, no code but its own files, a frame in these alone."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors " + (" ".join(frames) or "'none'"),
        )
    )


def prefers_page(accept: str) -> bool:
    """Whether who sends this would rather have HTML than JSON. Who has no preference gets JSON."""
    return best_media_type(accept, [JSON, HTML]) == HTML
