"""What the types of resources say of their fields, beside the type: words, bounds and formats."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from msgspec import Meta


class Named(NamedTuple):
    """A type that is no struct, under a name of its own in the documents; several types are any of them."""

    name: str
    types: tuple[Any, ...]


def words(text: str) -> Meta:
    """A description."""
    return Meta(description=text)


Count = Annotated[int, Meta(ge=0)]
Links = Annotated[dict[str, str], words("Paths of what belongs to it")]
Cursor = Annotated[str | None, words("For the next page")]
VersionNumber = Annotated[int, Meta(ge=0, description="0 is the model as its source has it")]
NamedVersion = Annotated[int | str, words("A version, by its number or an alias")]
PrincipalName = Annotated[
    str | None,
    words("What the key or the user is called; null for who is gone, or has their name in the id"),
]
Performance = Annotated[dict[str, Any], words("How good it is, nested: overall, class, slices")]


def name_of(kind: Any) -> str:
    """The name of a type in the documents."""
    return kind.name if isinstance(kind, Named) else kind.__name__
