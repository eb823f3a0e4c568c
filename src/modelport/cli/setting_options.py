"""The options of `modelport serve`, made from the settings: nothing is declared twice."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

import click

from modelport.settings.checking import declarations, setting_fields, setting_types
from modelport.settings.of_models import OPTION
from modelport.settings.reading import option_name

MODELS = "models"  # the parameter of settings of single models


def setting_options() -> list[click.Parameter]:
    """One option for each setting, and one for those of single models.

    A switch has a `--no-…` form, and DEEPaaS's `--no…` too.

    An option that was not given has the value `None` and is left out of the settings.
    """
    hints = setting_types()
    fields = [field for field in setting_fields() if field.name != "sources"]
    of_models = click.Option(
        [MODELS, OPTION],
        multiple=True,
        metavar="NAME:SETTING=VALUE",
        help="a setting of one model, before what all have, such as iris:workers=4; may be repeated",
    )
    return [of_models, *(_option(field, hints[field.name]) for field in fields)]


def _option(field: dataclasses.Field[Any], kind: Any) -> click.Option:
    known = declarations()[field.name]
    flag = option_name(field.name)
    others = [option_name(known.also)] if known.also else []
    others += [known.short] if known.short else []
    help_text = known.help
    if kind is bool:
        switch = f"{flag}/--no-{flag[2:]}"
        deepaas_form = f" /--no{flag[2:]}"
        return click.Option(
            [field.name, *others, switch, deepaas_form],
            default=None,
            help=f"{help_text} [default: {'on' if field.default else 'off'}]",
        )
    if isinstance(kind, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    multiple = typing.get_origin(kind) in (list, dict)
    default = "" if field.default in (None, dataclasses.MISSING, "") else f" [default: {field.default}]"
    return click.Option(
        [field.name, flag, *others],
        type=str,
        multiple=multiple,
        default=None,
        metavar=_metavar(kind),
        help=help_text + default,
    )


def _metavar(kind: Any) -> str:
    return {int: "NUMBER", float: "NUMBER"}.get(kind, "TEXT")


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that the user gave as options."""
    return {name: value for name, value in options.items() if value is not None and value != ()}
