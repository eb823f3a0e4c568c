"""The commands `modelport openwhisk …`: a model as the image of an action of Apache OpenWhisk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelport import __version__

if TYPE_CHECKING:
    from modelport.sources.source import Source

PORT = 8080  # where the platform asks (the Action Interface of OpenWhisk)
FOLDER = "model"  # of the context: what the source is, if that is a file or a folder
PLACE = "/srv"  # of that in the image
REQUIREMENTS = "requirements.txt"
SETTINGS = {
    "MODELPORT_OPENWHISK": "on",
    "MODELPORT_AUTH": "off",  # nobody but the platform reaches a container, and it has no key
    "MODELPORT_HOST": "0.0.0.0",
    "MODELPORT_PORT": str(PORT),
    "MODELPORT_LOG_LEVEL": "error",  # what else is said is nobody's activation
    "MODELPORT_DATA_DIR": "/tmp/modelport",
    "HOME": "/tmp",
}
DOCKERFILE = """\
# An action of Apache OpenWhisk, written by `modelport openwhisk package`:
#   docker build -t NAME . && docker push NAME && wsk action create ACTION --docker NAME
FROM {base}
COPY {requirements} /tmp/
RUN pip install --no-cache-dir -r /tmp/{requirements} && rm /tmp/{requirements}
{copied}ENV {settings}
WORKDIR /tmp
EXPOSE {port}
CMD ["modelport", "serve", "{source}"]
"""
COPIED = """\
COPY {folder}/ {place}/
RUN python -m compileall -q {place}
"""


def _package(source: str, output: Path, base: str, requirements: Path | None, trust: bool) -> None:
    from modelport.contract.errors import ModelLoadError
    from modelport.sources.source import read_source

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise click.ClickException(f"{output} is there already: --output names another folder")
    try:
        read = read_source(source)
    except ModelLoadError as error:
        raise click.ClickException(str(error)) from None
    if '"' in source or "\\" in source:
        raise click.ClickException(
            f"{source}: a source with a quote or a backslash cannot stand in a Dockerfile"
        )
    lines = [f"modelport=={__version__}"]
    if requirements is not None:
        lines += [line for line in requirements.read_text(encoding="utf-8").splitlines() if line.strip()]
    output.mkdir(parents=True, exist_ok=True)
    (output / REQUIREMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    served, copied = source, ""
    path = _path_of(read)
    if path is not None:
        served = _copied(read, path, output / FOLDER)
        copied = COPIED.format(folder=FOLDER, place=PLACE)
    settings = SETTINGS | ({"MODELPORT_TRUST": "on"} if trust else {})
    text = DOCKERFILE.format(
        base=base,
        requirements=REQUIREMENTS,
        copied=copied,
        settings=" \\\n    ".join(f"{name}={value}" for name, value in settings.items()),
        port=PORT,
        source=served,
    )
    (output / "Dockerfile").write_text(text, encoding="utf-8")
    click.echo(f"wrote {output}: build it as an image, and create the action with --docker", err=True)


def _path_of(source: Source) -> Path | None:
    """The file or folder that the source is; `None` for what is installed, or somewhere else."""
    path = Path(source.target).expanduser()
    return path if source.kind in ("file", "model") and path.exists() else None


def _copied(source: Source, path: Path, folder: Path) -> str:
    """The source in the image, once its file or folder was copied there."""
    folder.mkdir()
    if path.is_dir():
        shutil.copytree(path, folder / path.name)
    else:
        shutil.copy(path, folder)
    attribute = f":{source.attribute}" if source.attribute else ""
    return f"{source.name}={PLACE}/{path.name}{attribute}"


command = click.Group(
    "openwhisk",
    short_help="Write a model as an action of Apache OpenWhisk.",
    help="Models as actions of Apache OpenWhisk.",
    commands=[
        click.Command(
            "package",
            callback=_package,
            params=[
                click.Argument(["source"]),
                click.Option(
                    ["output", "-o", "--output"],
                    type=click.Path(path_type=Path),
                    default=Path("action"),
                    show_default=True,
                    help="the folder to write",
                ),
                click.Option(
                    ["base", "--base"],
                    default="python:3.12-slim",
                    show_default=True,
                    help="the image that it builds upon, which has Python and pip",
                ),
                click.Option(
                    ["requirements", "--requirements"],
                    type=click.Path(exists=True, dir_okay=False, path_type=Path),
                    help="a file of what the model needs, as pip reads it",
                ),
                click.Option(
                    ["trust", "--trust"],
                    is_flag=True,
                    help="let model files run code when they are loaded, such as pickles",
                ),
            ],
            short_help="Write the Dockerfile of an action, and what it copies.",
            help="Write a folder with a Dockerfile for the action that SOURCE is, and with what that copies: "
            "the file or folder of the source, and what pip is to install.",
        )
    ],
)
