"""The Dockerfile of a model's image."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from typing import Literal

from modelport import __version__
from modelport.cli.images import sbom

MARK = "# Written by modelport build"  # how it begins: a folder that has one may be written anew
ENVIRONMENT = "/opt/venv"
MODEL = "/srv/model"
DATA = "/data"
PYTHONS = "/opt/python"
UID = 1001
PORT = 5000
MODELPORT = f"{ENVIRONMENT}/bin/modelport"
# Not `latest`: the same file must build the same image.
UV = "ghcr.io/astral-sh/uv:0.9"

PythonFrom = Literal["base", "uv"]


@dataclass(frozen=True)
class Image:
    """What is said of an image: what it is built upon, what it is called, and how it is served."""

    base: str
    python_from: PythonFrom
    name: str
    serve: list[str]
    lock_digest: str
    is_whole: bool = True
    has_wheels: bool = False
    has_files: bool = True
    settings: dict[str, str] = field(default_factory=dict[str, str])
    port: int | None = PORT


def default_base() -> str:
    """The image of the Python that runs here."""
    return f"docker.io/library/python:{_python()}-slim"


def python_from(base: str) -> PythonFrom:
    """Where the Python of an image comes from: those of `python` have one, others get it by uv."""
    return "base" if base.rpartition("/")[2].startswith("python:") else "uv"


def dockerfile(image: Image) -> str:
    """The text. Instructions are in the exec form: neither a build nor a container needs a shell."""
    return "\n".join([*_environment(image), "", *_final(image), ""])


def _environment(image: Image) -> list[str]:
    """The stage that installs. What changes least stands first, so that its layers are kept."""
    by_uv = image.python_from == "uv"
    lines = [
        f"{MARK} {__version__}: `modelport build` writes it anew.",
        *([f"FROM {UV} AS uv", ""] if by_uv else []),
        f"FROM {image.base} AS environment",
        "WORKDIR /build",
        "ARG PIP_INDEX_URL",
        "ARG PIP_EXTRA_INDEX_URL",
    ]
    if by_uv:
        lines += [
            "COPY --from=uv /uv /usr/local/bin/uv",
            f"ENV UV_PYTHON_INSTALL_DIR={PYTHONS} UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1",
            _run("uv", "venv", "--managed-python", "--python", _python(), ENVIRONMENT),
        ]
    else:
        lines.append(_run("python3", "-m", "venv", "--without-pip", ENVIRONMENT))
    if image.has_wheels:
        lines.append("COPY wheels/ wheels/")
    lines.append("COPY requirements.lock ./")
    python = f"{ENVIRONMENT}/bin/python"
    if by_uv:
        install = ["uv", "pip", "install", "--no-cache", "--python", python]
    else:
        install = [
            "python3",
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--no-cache-dir",
            "--disable-pip-version-check",
        ]
    whole = ["--no-deps"] if image.is_whole else []
    lines.append(_run(*install, *whole, "-r", "requirements.lock"))
    return lines


def _final(image: Image) -> list[str]:
    """The stage that serves: the environment, then the labels, then the model, which changes most."""
    served = [MODELPORT, "serve", *image.serve]
    asked = [MODELPORT, "health", *image.serve]
    # No home, and no name for any user that a cluster chooses.
    variables = {"PATH": f"{ENVIRONMENT}/bin:$PATH", "HOME": "/tmp", "LOGNAME": "modelport"}
    variables |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"} | image.settings
    labels = {
        "org.opencontainers.image.title": image.name,
        "org.opencontainers.image.base.name": image.base,
        "org.modelport.version": __version__,
        "org.modelport.requirements.sha256": image.lock_digest,
        "org.modelport.sbom": sbom.PLACE,
        "org.modelport.sbom.format": "CycloneDX 1.6 JSON",
    }
    return [
        f"FROM {image.base}",
        _lines("ENV", variables),
        _run("install", "-d", "-m", "0775", "-o", str(UID), "-g", "0", DATA),
        *([f"COPY --from=environment {PYTHONS} {PYTHONS}"] if image.python_from == "uv" else []),
        f"COPY --from=environment {ENVIRONMENT} {ENVIRONMENT}",
        f"COPY {sbom.FILE} {sbom.PLACE}",
        _lines("LABEL", labels),
        f"WORKDIR {MODEL}",
        *(["COPY model/ ./"] if image.has_files else []),
        f"USER {UID}:0",
        *([f"EXPOSE {image.port}"] if image.port else []),
        "STOPSIGNAL SIGTERM",
        # A model may take as long as load_timeout until it is ready; the first success ends that time.
        "HEALTHCHECK --interval=15s --timeout=10s --start-period=900s --retries=3 CMD " + json.dumps(asked),
        "ENTRYPOINT " + json.dumps(served),
    ]


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _run(*command: str) -> str:
    return "RUN " + json.dumps(command)


def _lines(instruction: str, values: dict[str, str]) -> str:
    """An instruction with its values, one a line."""
    indent = " " * (len(instruction) + 1)
    return f"{instruction} " + f" \\\n{indent}".join(
        f"{key}={json.dumps(text)}" for key, text in values.items()
    )
