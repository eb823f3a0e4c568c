"""The page's types of the API are those of the API document as it is now."""

from __future__ import annotations

from page_types import TYPES, mark


def test_the_types_of_the_page_are_made_from_the_document_of_now() -> None:
    assert TYPES.read_text().partition("\n")[0] == mark(), "run `make ui-types` (it needs npm)"
