"""The command `modelport init`: a new model package that runs and tests itself."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path

import click

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*([_-][a-zA-Z0-9]+)*")
LONGEST = 64
TEMPLATES = Path(__file__).parent / "templates"
CONTRACTS = ("typed", "deepaas")
RESERVED = ("modelport", "deepaas", "pydantic", "webargs", "pytest", "test", "tests")


def _init(name: str, contract: str, folder: Path) -> None:
    package = package_name(name)
    target = folder / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise click.ClickException(f"{target} exists already: choose another name or --folder")
    try:
        write_package(target, {"name": name, "package": package, "class": class_name(package)}, contract)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror or error}") from None
    click.echo(f"wrote {target}, a model of the {contract} contract. Next:")
    click.echo(f"  cd {target} && pip install -e '.[test]' && pytest && modelport serve")


def package_name(name: str) -> str:
    """The Python package of a model. Raises `click.UsageError` for a name that cannot be one."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise click.UsageError(
            f"Invalid value for 'NAME': {name!r} is not a name: letters, digits, and single '-' or '_' "
            f"between them, a letter first, at most {LONGEST}"
        )
    package = name.lower().replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in RESERVED:
        raise click.UsageError(
            f"Invalid value for 'NAME': {name!r} is taken by Python or a package that is used here; try "
            f"{name + '-model'!r}"
        )
    return package


def class_name(package: str) -> str:
    """`my_model` as `MyModel`."""
    return "".join(part[:1].upper() + part[1:] for part in package.split("_"))


def write_package(target: Path, names: dict[str, str], contract: str) -> None:
    """Write the whole package, or nothing. Raises `OSError`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".modelport-init-", dir=target.parent) as made:
        root = Path(made) / target.name
        for common in (TEMPLATES / "common", TEMPLATES / contract):
            for template in sorted(common.rglob("*.template")):
                name = template.relative_to(common).as_posix().removesuffix(".template")
                path = root / _filled(name, names)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_filled(template.read_text(encoding="utf-8"), names), encoding="utf-8")
        if target.exists():
            target.rmdir()  # empty: looked at before
        shutil.move(root, target)


def _filled(text: str, names: dict[str, str]) -> str:
    """The text with its placeholders, names in double braces, replaced."""
    for key, value in names.items():
        text = text.replace("{{" + key + "}}", value)
    return text


command = click.Command(
    "init",
    callback=_init,
    params=[
        click.Argument(["name"]),
        click.Option(
            ["contract", "--contract"],
            type=click.Choice(CONTRACTS),
            default="typed",
            show_default=True,
            help="typed: the signature is type hints; deepaas: the functions and fields of DEEPaaS V2",
        ),
        click.Option(
            ["folder", "--folder"],
            type=click.Path(file_okay=False, path_type=Path),
            default=Path(),
            help="where to write it (default: here)",
        ),
    ],
    short_help="Write a new model package.",
    help="Write the package NAME: a small model with its entry point, its tests and a README, to start from.",
)
