"""The models: can their sources be read, and, where that is asked for, can they be loaded?"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

from modelport.cli.doctor.seen import Level, Seen
from modelport.contract.errors import ModelLoadError
from modelport.settings import Settings
from modelport.sources.files.formats.format import check_installed
from modelport.sources.source import Source

SUBJECT = "models"
FOUND = re.compile(r"^[✘!] (?P<level>error|warning): (?P<said>.*)$")
MORE_SECONDS = 30.0  # beside load_timeout, for a process to begin and end


def seen_of_models(settings: Settings, sources: Sequence[Source], *, load: bool) -> Iterator[Seen]:
    """What there is to say of each. With `load` each is loaded and warmed, as `modelport check` does."""
    for source in sources:
        missing = _not_installed(source, settings)
        if missing:
            yield Seen(SUBJECT, "error", missing, "install it in this environment")
        elif load:
            yield from _loaded(source, settings.of(source.name))
        else:
            yield Seen(SUBJECT, "ok", f"{source.name}: {source} is there (--load loads it, too)")


def _not_installed(source: Source, settings: Settings) -> str:
    """What a saved model needs and this environment lacks; nothing for all others."""
    if source.kind != "model":
        return ""
    from modelport.home import expanded
    from modelport.sources.files.recognise import recognised

    try:
        found = recognised(expanded(source.target), settings.of(source.name).format or "")
        check_installed(found.format, source.target)
    except ModelLoadError as error:
        return str(error)
    return ""


def _loaded(source: Source, own: Settings) -> Iterator[Seen]:
    command = [sys.executable, "-m", "modelport", "check", f"{source.name}={source}"]
    command += ["--trust"] if own.trust else []
    command += ["--format", own.format] if own.format else []
    command += ["--load-timeout", str(own.load_timeout)]
    seconds = own.load_timeout + MORE_SECONDS if own.load_timeout else None
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        yield Seen(
            SUBJECT, "error", f"{source.name}: it did not load within {own.load_timeout:g} s", "see above"
        )
        return
    if done.returncode == 0:
        yield Seen(SUBJECT, "ok", f"{source.name}: {source} can be served")
    found = list(_findings(source.name, done.stdout))
    yield from found
    if done.returncode and not any(seen.level == "error" for seen in found):
        said = (done.stderr.strip().splitlines() or ["it cannot be loaded"])[-1].removeprefix("Error: ")
        yield Seen(
            SUBJECT,
            "error",
            f"{source.name}: {said}",
            f"modelport check {source.name}={source} --debug says more",
        )


def _findings(name: str, printed: str) -> Iterator[Seen]:
    """The findings that `modelport check` prints, each with the line of its remedy."""
    lines = printed.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        found = FOUND.match(line)
        if found is not None:
            level: Level = "error" if found["level"] == "error" else "warning"
            yield Seen(SUBJECT, level, f"{name}: {found['said']}", after.strip().removeprefix("→ "))
