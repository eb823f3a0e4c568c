"""Fuzz a real server by its own `/openapi.json` with schemathesis: what it answers is what its document says.

    python tests/soak/document_fuzz.py [--seconds 180] [--seed 1]

Serves the examples and models of the tests of each contract, trains once so that there are runs, jobs and
artifacts, and ends with status 1 if schemathesis finds anything. Every check is on; schemathesis.toml says
which answers are right that a check would call wrong. It needs schemathesis on the PATH or beside this
Python; `make fuzz` installs it into an environment of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from serving import ROOT, Server, serving

OWN = str(ROOT / "tests/soak/fuzzed_models.py")
FUZZED = f"fuzzed={OWN}:Fuzzed"
MODELS = (
    "digits=" + str(ROOT / "examples/digits/digits.py"),
    "iris=" + str(ROOT / "examples/iris/iris.py"),
    "deepaas=webargs_models:New",
    "media=webargs_models:Media",
    "typed=typed_models:Kinds",
    f"files={OWN}:FuzzedFiles",
    "array=array_models:iris",
    "columns=array_models:named",
    "streams=returning_models:TypedEvents",
    FUZZED,
)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")  # what is no failure, and why
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")


def main() -> int:
    options = _options()
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, models, more in (
            ("the models", MODELS, ()),
            ("the root in mlup's dialect", (FUZZED,), ()),
            (
                "the root with long predictions",
                (FUZZED,),
                ("--is-long-predict", "--mode", "worker_and_queue"),
            ),
            ("the root in the lesson's envelope", (FUZZED,), ("--envelope",)),
        ):
            print(f"-- {name}", flush=True)
            # Trainings of the digits save what they trained: not over the user's own.
            own = {"XDG_CACHE_HOME": f"{folder}/cache"}
            with serving(*models, "--data-dir", f"{folder}/{len(name)}", *more, **own) as server:
                _train(server)
                found |= _fuzz(server, options, folder)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="for each server, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemathesis", default="", help="its program; by default `st` beside this Python")
    return parser.parse_args()


def _train(server: Server) -> None:
    """Have a job and a run, so that there is one to find."""
    server.client.post("/v2/models/fuzzed/train/").raise_for_status()


def _fuzz(server: Server, options: argparse.Namespace, folder: str) -> int:
    """1 if schemathesis finds anything or cannot run."""
    beside = Path(sys.executable).with_name("st")
    program = options.schemathesis or (str(beside) if beside.exists() else shutil.which("st"))
    if not program:
        print("schemathesis is missing: pip install schemathesis", file=sys.stderr)
        return 1
    command = [
        *(str(Path(program).absolute()), "--config-file", str(CONFIGURATION)),
        *("run", f"{server.url}/openapi.json"),
        *("--max-time", str(options.seconds), "--request-timeout", "120", "--seed", str(options.seed)),
        *("--suppress-health-check", "all", "--warnings", "off", "--no-shrink", "--continue-on-failure"),
        *("--generation-database", "none"),
    ]
    variables = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}
    ended = subprocess.run(command, check=False, cwd=folder, env=variables)  # it keeps what it found there
    failed = [line for line in server.log.splitlines() if "the server failed" in line]
    print("\n".join(failed))
    return int(ended.returncode != 0 or bool(failed))


if __name__ == "__main__":
    sys.exit(main())
