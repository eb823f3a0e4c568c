"""A reader of the docs who types in every block, in order, in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

from blocks import Block
from serving import ROOT, Server, environment

ADDRESS = "127.0.0.1:5000"
# For these, too, pages get free ports.
GRPC_PORT, GRPC_ADDRESS = "--grpc-port 8001", "127.0.0.1:8001"
BIN = Path(sys.executable).parent
CURLRC = "silent\nshow-error\nfail-with-body\nmax-time = 60\n"
COMMAND = '#!/bin/sh\nexec "{python}" -m modelport "$@"\n'
# The recipes of the Makefile as they are, with the tests' own environment in place of .venv.
MAKE = '#!/bin/sh\nexec "{make}" --no-print-directory -f "{makefile}" -o setup -o demo BIN="{bin}" "$@"\n'
# Variables of a page, in lower case, are there in its later blocks, as in one terminal.
BEFORE = '[ ! -e "$VARIABLES" ] || . "$VARIABLES"\n'
AFTER = '\ndeclare -p | grep "^declare -- [a-z]" >"$VARIABLES" || true\n'
BLOCK_SECONDS = 120


def _any_certificate() -> ssl.SSLContext:
    """For a server whose certificate a page has just made."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Reader:
    """Follows a page. Close it: the last server of a page runs until then."""

    def __init__(self, folder: Path):
        self.folder = folder / "here"
        self.server: Server | None = None
        self._outside = folder / "outside"
        self._printed = ""
        self._grpc_address = GRPC_ADDRESS

    def open(self) -> None:
        """Prepare the folder: the examples lie in it; `modelport`, `make`, a quiet curl are found."""
        self.folder.mkdir()
        (self.folder / "examples").symlink_to(ROOT / "examples")
        (self._outside / "bin").mkdir(parents=True)
        (self._outside / ".curlrc").write_text(CURLRC)
        self._command("modelport", COMMAND.format(python=sys.executable))
        make = MAKE.format(make=shutil.which("make"), makefile=ROOT / "Makefile", bin=BIN)
        self._command("make", make)

    def _command(self, name: str, text: str) -> None:
        path = self._outside / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def close(self) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def follow(self, block: Block) -> None:
        """Do what a block asks for. Raises `AssertionError` saying where and what went wrong."""
        if block.mark == "file":
            path = self.folder / block.value
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.mark == "serve":
            self._serve(block)
        elif block.mark == "prints":
            assert matches(block.text, self._printed), (
                f"{block.where} says:\n{block.text}\nbut it was:\n{self._printed}"
            )
        elif block.runs:
            self._run(block)

    def _serve(self, block: Block) -> None:
        self.close()
        text = block.text.replace(GRPC_PORT, "--grpc-port 0")
        script = re.sub(r"^(modelport|make|python) ", r"exec \1 ", text, flags=re.MULTILINE)
        process = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=self._environment(MODELPORT_PORT="0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.server = Server(process, _any_certificate())
        except BaseException:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
            raise
        if text != block.text:
            self._grpc_address = self.server.wait_for_log(re.compile(r"gRPC on (\S+)")).group(1)
        body = self.server.wait_settled()
        assert body["ready"], f"{block.where}: {body}\n{self.server.log}"

    def _run(self, block: Block) -> None:
        text = block.text
        if self.server is not None:
            text = text.replace(ADDRESS, urlsplit(self.server.url).netloc)
            text = text.replace(GRPC_ADDRESS, self._grpc_address)
        if block.language == "python":
            command = [sys.executable, "-c", text]
        else:
            command = ["bash", "-euo", "pipefail", "-c", BEFORE + text + AFTER]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(VARIABLES=str(self._outside / "variables")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
        )
        self._printed = done.stdout
        if (done.returncode != 0) != (block.mark == "fails"):
            log = self.server.log[-3000:] if self.server is not None else ""
            said = textwrap.indent(f"{done.stdout}{done.stderr}\n{log}", "  ")
            raise AssertionError(f"{block.where} ended with status {done.returncode}:\n{text}\n{said}")

    def _environment(self, **extra: str) -> dict[str, str]:
        path = os.pathsep.join([str(self._outside / "bin"), str(BIN), os.environ["PATH"]])
        packages = self._outside / "packages"
        found = environment(
            PATH=path,
            HOME=str(
                self._outside / "home"
            ),  # where the data folder is, the same for each server of the page
            XDG_CONFIG_HOME=str(self._outside / "config"),
            CURL_HOME=str(self._outside),
            XDG_CACHE_HOME=str(self._outside.parent.parent / "docs-cache"),
            # `pip install ./a-package` of a page goes to a folder of the test, and asks no registry.
            PIP_TARGET=str(packages),
            PIP_NO_DEPS="1",
            PIP_NO_INDEX="1",
            PIP_NO_BUILD_ISOLATION="0",  # pip reads this switch the wrong way round
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PYTHONWARNINGS="default",
            **extra,
        )
        elsewhere = ("MODELPORT_DATA_DIR", "XDG_DATA_HOME")
        kept = {name: value for name, value in found.items() if name not in elsewhere}
        return kept | {"PYTHONPATH": os.pathsep.join([str(packages), str(ROOT / "src")])}


def matches(said: str, printed: str) -> bool:
    """True if `printed` is what the page says, white space aside; `…` stands for anything."""
    parts = ["".join(part.split()) for part in said.split("…")]
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(printed.split()), re.DOTALL) is not None
