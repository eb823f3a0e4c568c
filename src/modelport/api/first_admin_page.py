"""The page that the first link leads to: a form, and nothing that could be sent elsewhere.

The token stands behind the `#` of the link, which browsers send to nobody: it is in no log and no `Referer`.
One line of script puts it into the form; without scripts it is typed there. The policy names that line by its
hash, and allows no other.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse, Response

from modelport.problems import Problem

SCRIPT = "document.forms[0].token.value = location.hash.slice(1); history.replaceState(null, '', ' ');"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;padding:.5rem;"
    "font:inherit}button{font:inherit;padding:.5rem 1rem}[role=alert]{color:#a00}"
)
FORM_FIELDS = """
<form method="post">
<label>The token of the link<input name="token" required autocomplete="off"></label>
<label>Name<input name="username" required maxlength="100" autocomplete="username"></label>
<label>Password, 10 characters at least<input name="password" type="password" required minlength="10"
 autocomplete="new-password"></label>
<button>Make the administrator</button>
</form>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "content-security-policy": "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(SCRIPT)}",
            f"style-src {_hash(STYLE)}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none at all, the browser would hide whose form it is
    "cache-control": "no-store",
}


def form_page(log_in: str, problem: Problem | None = None) -> Response:
    """The form; with what was wrong when it was sent. `log_in` is where users log in, empty for nowhere."""
    said = f'<p role="alert">{escape(problem.detail)}</p>' if problem is not None else ""
    script = f"<script>{SCRIPT}</script>" if problem is None else ""
    other = f"<p>Is there an administrator already? {_link(log_in)}</p>" if log_in else ""
    body = f"<h1>The first administrator</h1>{said}{FORM_FIELDS}{other}{script}"
    headers = [] if problem is None else problem.headers
    return _page(body, 200 if problem is None else problem.status, dict(headers))


def made_page(log_in: str, name: str) -> Response:
    """It is done."""
    onward = f"<p>{_link(log_in)}</p>" if log_in else ""
    said = f"<p>{escape(name)} is an administrator now, and can log in.</p>"
    return _page(f"<h1>Done</h1>{said}{onward}", 201, {})


def _link(place: str) -> str:
    return f'<a href="{escape(place)}">Log in</a>'


def _page(body: str, status: int, headers: dict[str, str]) -> Response:
    html = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>modelport</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>\n"
    )
    return HTMLResponse(html, status, headers | HEADERS)
