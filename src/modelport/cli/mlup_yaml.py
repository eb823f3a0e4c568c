"""YAML without aliases, which a few lines could blow up to any size, and without a key twice."""

from __future__ import annotations

from typing import Any

import yaml


def data_of_yaml(text: str) -> Any:
    """The data that a text in YAML is. Raises `ValueError` with what is wrong with it."""
    try:
        return _plain_data(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not valid YAML: {' '.join(str(error).split())}") from None


def _plain_data(text: str) -> Any:
    api: Any = yaml
    for event in api.parse(text, api.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not supported (line {event.start_mark.line + 1})")
    _check_keys(api.compose(text, api.SafeLoader))
    return api.safe_load(text)


def _check_keys(node: Any) -> None:
    if isinstance(node, yaml.MappingNode):
        pairs: list[Any] = node.value
        keys = [key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"the key {twice!r} stands there twice")
        for _, below in pairs:
            _check_keys(below)
    elif isinstance(node, yaml.SequenceNode):
        items: list[Any] = node.value
        for below in items:
            _check_keys(below)
