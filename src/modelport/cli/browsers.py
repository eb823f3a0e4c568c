"""The browser of who sits here, as commands open it."""

from __future__ import annotations

import os
import sys
import webbrowser

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
BROWSER = "BROWSER"  # names browsers, for every program that opens one


def no_browser() -> str:
    """Why there is no browser here; empty if there may be one. One in the terminal is none: that is taken."""
    if os.environ.get(BROWSER) or sys.platform == "darwin" or any(map(os.environ.get, DISPLAYS)):
        return ""
    return f"there is no display here ({' or '.join(DISPLAYS)}), and {BROWSER} names no browser"


def opened(page: str) -> str:
    """Open a page; why that could not be, empty if it could. Some browsers are waited for until they end."""
    named = [name for name in os.environ.get(BROWSER, "").split(os.pathsep) if name]
    try:
        is_open = any(webbrowser.get(name).open(page) for name in named) if named else webbrowser.open(page)
    except webbrowser.Error as error:
        return str(error)
    who = " and ".join(named) or "every browser known here"
    return "" if is_open else f"{who} could not be run, or failed"
