"""The pages that show the documents to a person: Swagger UI and ReDoc, with no word to the outside.

The scripts and styles are in the package (`documents.STATIC_DIR`); the server gives them out under
`{base}/static/…`. Nothing on a page is inline, so a strict Content-Security-Policy can be sent along.
"""

from __future__ import annotations

from html import escape

from modelport.api.documents.resources import TITLE
from modelport.settings import normal_base_path

# Both pages write their styles from script and show pictures they made (icons, a model's answers).
# ReDoc's search runs in a worker made of a blob.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",  # a page of another site must not have people click in this one unseen
    )
)


def swagger_page(*, base_path: str = "", document: str = "/openapi.json", title: str = TITLE) -> str:
    """The HTML of Swagger UI. `document` is the path, under `base_path`, of the document to show."""
    base = normal_base_path(base_path)
    static = f"{base}/static/swagger"
    return _page(
        title,
        f"{static}/favicon.png",
        styles=[f"{static}/swagger-ui.css", f"{static}/page.css"],
        scripts=[f"{static}/swagger-ui-bundle.js", f"{static}/page.js"],
        root=f'<div id="swagger-ui" data-url="{escape(base + document)}"></div>',
    )


def redoc_page(*, base_path: str = "", document: str = "/openapi.json", title: str = TITLE) -> str:
    """The HTML of ReDoc; parameters as of `swagger_page`."""
    base = normal_base_path(base_path)
    return _page(
        title,
        f"{base}/static/swagger/favicon.png",
        styles=[f"{base}/static/redoc/page.css"],
        scripts=[f"{base}/static/redoc/redoc.standalone.js", f"{base}/static/redoc/page.js"],
        root=f'<div id="redoc" data-url="{escape(base + document)}"></div>',
    )


def _page(title: str, icon: str, *, styles: list[str], scripts: list[str], root: str) -> str:
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f'<link rel="icon" type="image/png" href="{escape(icon)}">',
        *(f'<link rel="stylesheet" href="{escape(style)}">' for style in styles),
        "</head>",
        "<body>",
        root,
        "<noscript>This page needs JavaScript.</noscript>",
        *(f'<script src="{escape(script)}"></script>' for script in scripts),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"
