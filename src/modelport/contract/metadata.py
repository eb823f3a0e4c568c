"""A model's metadata, as DEEPaaS shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from modelport.contract.reports import made_plain


def metadata_of(model: Any, name: str, problems: list[str]) -> dict[str, Any]:
    """What the model says of itself: `id`, `name`, then its own keys, JSON-ready.

    A model that says nothing gets DEEPaaS's generic words. A `get_metadata` that fails does not keep
    the model from being served; what was wrong is added to `problems`.
    """
    given = _given(model, problems)
    if given is None:
        return {
            "id": "0",
            "name": name,
            "description": f"Could not load description from underlying model (loaded '{name}')",
        }
    plain = {str(key): _plain(value) for key, value in given.items() if key != "links"}
    identity = {"id": str(plain.pop("id", None) or name), "name": str(plain.pop("name", None) or name)}
    return identity | plain


def metadata_body(metadata: Mapping[str, Any], href: str) -> dict[str, Any]:
    """Metadata as `GET /v2/models/{model}/` answers it: `id`, `name`, `links`, then the model's own keys."""
    own = {key: value for key, value in metadata.items() if key not in ("id", "name")}
    links = [{"rel": "self", "href": href}]
    return {"id": metadata["id"], "name": metadata["name"], "links": links} | own


def _given(model: Any, problems: list[str]) -> Mapping[str, Any] | None:
    function = getattr(model, "get_metadata", None)
    if not callable(function):
        return None
    try:
        given: Any = function()
    except NotImplementedError:
        return None
    except Exception as error:  # the model's own code: anything may be raised
        problems.append(f"get_metadata() failed ({type(error).__name__}: {error}); generic metadata is shown")
        return None
    if not isinstance(given, Mapping):
        problems.append(
            f"get_metadata() returned {type(given).__name__}, not a dictionary; generic metadata is shown"
        )
        return None
    return cast("Mapping[str, Any]", given)


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(made_plain(value)))  # which has null for NaN
