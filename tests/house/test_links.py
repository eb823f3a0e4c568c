"""Every link within the docs leads to a page that there is, and to a heading that it has."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pages_of_the_docs() -> list[Path]:
    """Every page that readers get, the READMEs of examples and others among them."""
    tops = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return [*tops, *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("examples/*/README.md"))]


def text_of(page: Path) -> str:
    """What a page says, without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors_in(text: str) -> set[str]:
    """The names by which the headings of a page can be linked to, as GitHub and editors make them.

    Letters, digits, `-` and `_` stay, in lower case, and a space is a `-`; of those of the same name the
    second ends in `-1`.
    """
    found: Counter[str] = Counter()
    names: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*?)[ #]*$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


@pytest.mark.parametrize("page", pages_of_the_docs(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_within_the_docs_leads_to_what_there_is(page: Path) -> None:
    dead: list[str] = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and anchor not in anchors_in(text_of(target))):
            dead.append(link)
    assert dead == []


def test_a_heading_is_linked_to_by_its_words() -> None:
    text = "# One\n## Addresses, TLS `and` [proxies](a.md)\n### What a_key may-do?\n## One\n####### no\n"
    assert anchors_in(text) == {"one", "addresses-tls-and-proxies", "what-a_key-may-do", "one-1"}
    assert anchors_in(text_of(ROOT / "docs" / "reaching.md")) >= {"tls", "behind-a-reverse-proxy"}
