"""Words that do harm where a page takes them for more: `window.harmed` is set, or an element is there."""

from __future__ import annotations

ELEMENT = "x-harm"  # no page has one
# Without what names of files and of users may not have.
NAME = f"<img src=x onerror=window.harmed=1><{ELEMENT}>"
SCRIPT = f"\"'><script>window.harmed=1</script></textarea></title><svg onload=window.harmed=1><{ELEMENT}>"
TEMPLATE = "{{constructor.constructor('window.harmed=1')()}} ${window.harmed=1}"
FRAME = f'<iframe srcdoc="<script>parent.harmed=1</script>"></iframe><{ELEMENT}>'
MARKDOWN = "[press](javascript:window.harmed=1)"
LINK = "javascript:window.harmed=1"
HARM = " ".join((NAME, SCRIPT, TEMPLATE, FRAME, MARKDOWN))
PAGE = f"<!DOCTYPE html><html><body>{HARM}<script>fetch('/ran/page')</script></body></html>"
SPACES = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"
SVG = (
    f"<svg {SPACES} width='40' height='30' onload='window.harmed=1'>"
    "<script>window.harmed=1; fetch('/ran/picture')</script>"
    f"<a xlink:href='{LINK}'><rect width='40' height='30' fill='teal'/></a></svg>"
)
