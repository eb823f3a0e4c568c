"""The rules that our Dockerfiles keep."""

from __future__ import annotations

from pathlib import Path

import image_root


def broken(file: Path) -> list[str]:
    """What of our rules for Dockerfiles a file does not keep."""
    wrong: list[str] = []
    found = image_root.instructions(file)
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    final = found[last:]
    for name, text in found:
        if name in ("RUN", "ENTRYPOINT", "CMD") and not text.startswith("["):
            wrong.append(f"{name} needs a shell")
        if name == "FROM" and ":" not in text.rpartition("/")[2]:
            wrong.append(f"{text} has no tag")
        if name == "ADD" or (name == "COPY" and text.split()[0] == "."):
            wrong.append(f"{name} {text} takes more than one knows")
        if "pip" in text and "install" in text and "--no-cache" not in text:
            wrong.append("pip leaves its cache in a layer")
    order = [name if name != "COPY" else f"COPY {text.split()[-1]}" for name, text in final]
    users = [text for name, text in final if name == "USER"]
    if not users or users[-1].split(":")[0] in ("0", "root"):
        wrong.append("it runs as root")
    for needed in ("HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL", "LABEL"):
        if needed not in order:
            wrong.append(f"no {needed}")
    if "COPY ./" in order and order.index("COPY ./") < order.index("COPY /opt/venv"):
        wrong.append("a change of the code makes the environment anew")
    return wrong
