"""The pages that show the documents: nothing from outside, nothing inline."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modelport.api.documents import STATIC_DIR
from modelport.api.documents.pages import CONTENT_SECURITY_POLICY, redoc_page, swagger_page


@pytest.mark.parametrize("page", [swagger_page, redoc_page])
@pytest.mark.parametrize("base_path", ["", "/base", "base/"])
def test_a_page_asks_for_nothing_outside_and_runs_nothing_inline(page: Any, base_path: str) -> None:
    html = page(base_path=base_path, document="/openapi.json", title="<b>&")
    base = f"/{base_path.strip('/')}" if base_path else ""
    assert f'data-url="{base}/openapi.json"' in html
    assert "<title>&lt;b&gt;&amp;</title>" in html
    assert "//" not in html.replace("<!DOCTYPE html>", "")
    assert not re.search(r"<script[^>]*>[^<]|<style|\son\w+=|\sstyle=", html)
    assets = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(assets) >= 4
    for asset in assets:
        assert asset.startswith(f"{base}/static/")
        assert (STATIC_DIR / asset.removeprefix(f"{base}/static/")).is_file()
    assert "'unsafe-inline'" not in CONTENT_SECURITY_POLICY.split("style-src")[0]


def test_the_vendored_scripts_fetch_nothing_from_outside() -> None:
    redoc = (STATIC_DIR / "redoc" / "redoc.standalone.js").read_text(encoding="utf-8")
    assert "cdn.redoc" not in redoc
    assert "fonts.googleapis" not in redoc
    assert "validatorUrl: null" in (STATIC_DIR / "swagger" / "page.js").read_text(encoding="utf-8")
    for licence in ("swagger/LICENSE", "swagger/NOTICE", "redoc/LICENSE", "README.md"):
        assert (STATIC_DIR / licence).stat().st_size > 0
