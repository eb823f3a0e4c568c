"""Scanning pickles for what they import, without loading them. The scan advises; it decides nothing."""

from __future__ import annotations

import pickletools
import sys
from dataclasses import dataclass
from typing import Any, cast

from modelport.guards.bounded import DAMAGED, Bounded, Readable
from modelport.guards.pickle_machine import Machine, array_data
from modelport.settings.sizes import MIB

SCAN_BYTES = 64 * MIB
MAX_OPCODES = 300_000
MAX_PICKLES = 16
MAX_NAMES = 500
PICKLED = b"\x80"
# Modules and names that models do not need, and that run commands, code or the network.
KNOWN = frozenset({
    "catboost", "joblib", "keras", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "tensorflow", "torch",
    "torchvision", "transformers", "xgboost",
})  # fmt: skip
SUSPICIOUS = frozenset({
    "_io", "_osx_support", "_posixsubprocess", "aiohttp", "asyncio", "bdb", "cProfile", "code", "codeop",
    "commands", "concurrent", "ctypes", "distutils", "doctest", "ensurepip", "fileinput", "ftplib", "glob",
    "http", "httplib", "httpx", "idlelib", "imaplib", "importlib", "io", "lib2to3", "linecache", "marshal",
    "multiprocessing", "nt", "os", "pathlib", "pdb", "pip", "pkgutil", "platform", "posix", "posixpath",
    "profile", "pty", "pydoc", "requests", "runpy", "setuptools", "shutil", "signal", "smtplib", "socket",
    "ssl", "subprocess", "sys", "telnetlib", "tempfile", "threading", "timeit", "trace", "urllib", "urllib2",
    "uuid", "venv", "webbrowser", "xmlrpc", "zipimport",
})  # fmt: skip
SUSPICIOUS_NAMES = frozenset(
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in (
        "eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "__import__", "globals", "locals",
        "vars", "dir", "apply", "execfile", "input", "breakpoint", "help", "map", "filter", "memoryview",
    )
) | {
    "operator.attrgetter", "operator.methodcaller", "operator.itemgetter", "functools.partial",
    "functools.reduce", "types.CodeType", "types.FunctionType", "torch.load", "torch.hub.load",
    "joblib.load", "pickle.loads", "pickle.load", "_pickle.loads", "_pickle.load", "dill.loads",
    "cloudpickle.loads", "pandas.read_pickle", "numpy.load", "numpy.testing._private.utils.runstring",
    "numpy.f2py.crackfortran", "cloudpickle.cloudpickle._make_function",
    "cloudpickle.cloudpickle._builtin_type",
}  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """What the pickles of a file would import, as far as that can be seen without running them.

    `incomplete` says why there may be more; `cut` that the file ends in the middle of a pickle.
    """

    names: tuple[str, ...] = ()
    incomplete: str = ""
    cut: bool = False


def is_suspicious(name: str) -> bool:
    """True for an import that a model hardly needs."""
    return name.partition(".")[0] in SUSPICIOUS or name in SUSPICIOUS_NAMES


def _is_known(name: str) -> bool:
    """True for an import out of Python or one of the packages that most models are made with."""
    package = name.partition(".")[0]
    return package in KNOWN or package in sys.stdlib_module_names or package == "__builtin__"


def scanned(stream: Readable, limit: int = SCAN_BYTES) -> Scan:
    """What the pickles of a stream import: what is suspicious first, then what only its maker knows.

    Reads at most `limit` bytes.
    """
    source = Bounded(stream, limit)
    scanner = _Scanner(source)
    for _ in range(MAX_PICKLES):
        if not scanner.one() or not source.peek().startswith(PICKLED):
            break
    names = sorted(scanner.names, key=lambda name: (not is_suspicious(name), _is_known(name)))
    return Scan(tuple(names), scanner.incomplete, scanner.cut)


def joined(scans: list[Scan]) -> Scan:
    """Several scans as one."""
    names = dict.fromkeys(name for scan in scans for name in scan.names)
    ordered = sorted(names, key=lambda name: not is_suspicious(name))
    incomplete = next((scan.incomplete for scan in scans if scan.incomplete), "")
    return Scan(tuple(ordered), incomplete, any(scan.cut for scan in scans))


class _Scanner:
    """Follows the pickles of one stream, and steps over the arrays that joblib puts between."""

    def __init__(self, source: Bounded):
        self.source = source
        self.names: dict[str, None] = {}
        self.incomplete = ""
        self.cut = False
        self._opcodes = 0

    def one(self, depth: int = 0) -> bool:
        """Follow one pickle to its end. False if that was not reached."""
        machine = Machine()
        try:
            return self._follow(machine, depth)
        except (ValueError, UnicodeError, OverflowError, MemoryError, *DAMAGED) as error:
            self._note(error)
            return False
        finally:
            self.names.update(machine.names)
            if machine.computed:
                self.incomplete = self.incomplete or "it computes the names of some"

    def _follow(self, machine: Machine, depth: int) -> bool:
        for op, arg, _ in pickletools.genops(cast("Any", self.source)):
            self._opcodes += 1
            if self._opcodes > MAX_OPCODES or len(self.names) > MAX_NAMES:
                self.incomplete = self.incomplete or "only its beginning was looked at"
                return False
            built = machine.step(op, arg)
            data = array_data(built) if built is not None else None
            if data is None:
                continue
            if data.size is None:
                if depth >= MAX_PICKLES or not self.one(depth + 1):
                    return False
                continue
            if data.padded:
                self.source.skip(int.from_bytes(self.source.read(1)))
            self.source.skip(data.size)
        return True

    def _note(self, error: BaseException) -> None:
        if self.source.at_limit:
            self.incomplete = self.incomplete or "only its beginning was looked at"
        elif self.source.at_end or isinstance(error, EOFError):
            self.cut = True
        else:
            self.incomplete = self.incomplete or "the rest of it could not be read"


def is_pickle(head: bytes) -> bool:
    """True if a file that begins so is a pickle: of any protocol, whole or cut off at the end of `head`."""
    if head[:1] == PICKLED:
        return len(head) > 2 and head[1] <= 5 and _opcodes_of(head[2:]) >= 1
    return head[:1] in (b"(", b"c", b"]", b"}", b")", b"i") and _opcodes_of(head, whole=True) >= 3


def _opcodes_of(data: bytes, *, whole: bool = False) -> int:
    """How many opcodes the data begins with; with `whole`, 0 unless it is a pickle to its end (or limit)."""
    machine = Machine()
    count = 0
    try:
        for op, arg, _ in pickletools.genops(data):
            machine.step(op, arg)
            count += 1
    except (ValueError, UnicodeError, OverflowError, MemoryError) as error:
        ran_out = "not enough data" in str(error) or "exhausted" in str(error) or "no newline" in str(error)
        if whole and not (ran_out and len(data) >= 256 and _are_names(machine)):
            return 0
        return count
    return count if not whole or _are_names(machine) else 0


def _are_names(machine: Machine) -> bool:
    """True if every import is of something that has a name, and there is one: text is no pickle by chance."""
    return bool(machine.names) and all(
        part.isidentifier()
        for name in machine.names
        for part in name.replace("<", "").replace(">", "").split(".")
    )
