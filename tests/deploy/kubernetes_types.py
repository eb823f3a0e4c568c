"""What Kubernetes takes: the types of its OpenAPI as dataclasses, which lightkube-models ships."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from importlib import import_module
from typing import Any

# The client of that package is not needed for the types, which take three names from it.
_schema = types.ModuleType("lightkube.core.schema")
_schema.__dict__.update(DictMixin=object, field=dataclasses.field, dataclass=dataclasses.dataclass)
sys.modules.setdefault("lightkube.core", types.ModuleType("lightkube.core"))
sys.modules.setdefault("lightkube.core.schema", _schema)

MODULES = {
    "v1": "core_v1",
    "apps/v1": "apps_v1",
    "autoscaling/v2": "autoscaling_v2",
    "policy/v1": "policy_v1",
    "networking.k8s.io/v1": "networking_v1",
}


def type_of(module: str, name: str) -> type[Any]:
    """A type by its module and name."""
    return getattr(import_module(f"lightkube.models.{module}"), name)


def wrong_in(found: dict[str, Any]) -> list[str]:
    """What Kubernetes would refuse in an object: unknown and missing keys, values of other types."""
    return list(_wrong(found, type_of(MODULES[found["apiVersion"]], found["kind"]), found["kind"]))


def wrong_for(found: Any, module: str, name: str) -> list[str]:
    """The same of a part of an object."""
    return list(_wrong(found, type_of(module, name), name))


def _wrong(found: Any, wanted: Any, place: str) -> typing.Iterator[str]:
    if isinstance(wanted, str) or wanted is Any:
        return
    origin, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        ways = [list(_wrong(found, part, place)) for part in parts if part is not type(None) or found is None]
        if all(ways):
            yield from min(ways, key=len)
    elif dataclasses.is_dataclass(wanted):
        yield from _wrong_keys(found, wanted, place)
    elif origin is list:
        if not isinstance(found, list):
            yield f"{place}: {found!r} is no list"
            return
        for number, one in enumerate(found):
            yield from _wrong(one, parts[0], f"{place}[{number}]")
    elif origin is dict or wanted is dict:
        if not isinstance(found, dict):
            yield f"{place}: {found!r} is no table"
        elif parts:
            for key, one in found.items():
                yield from _wrong(one, parts[1], f"{place}.{key}")
    elif wanted in (str, int, bool, float) and type(found) is not wanted:
        yield f"{place}: {found!r} is no {wanted.__name__}"


def _wrong_keys(found: Any, wanted: Any, place: str) -> typing.Iterator[str]:
    if not isinstance(found, dict):
        yield f"{place}: {found!r} is no table"
        return
    hints = typing.get_type_hints(wanted, vars(sys.modules[wanted.__module__]))
    fields = {one.metadata.get("json", one.name): one for one in dataclasses.fields(wanted)}
    names = {name.strip("_"): one for name, one in fields.items()}
    for key in found.keys() - names.keys():
        yield f"{place}: there is no {key!r}"
    for name, one in names.items():
        if name in found:
            yield from _wrong(found[name], hints[one.name], f"{place}.{name}")
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            yield f"{place}: {name} is missing"
