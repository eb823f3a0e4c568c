"""What a program asked of its disk, from the log of strace, and what a power cut may leave of it.

Only what was synced is sure. Of the other writes any sectors may have come to the disk, and of the other
changes of a folder any number of the first. A name that was not synced may be gone, its file synced or not.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
CALLS = "openat,mkdir,pwrite64,write,sendfile,fsync,fdatasync,ftruncate,rename,unlink,rmdir"
_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)(?:<.*>)?$")
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
_FD = re.compile(r"(\d+)<([^>]*)>")


@dataclass
class Call:
    """A system call that succeeded, from line `begun` to line `done` of the log."""

    begun: int
    done: int
    name: str
    arguments: str
    result: int


@dataclass
class Change:
    """A change of a file's bytes, or of a folder's names."""

    begun: int
    done: int
    offset: int = 0
    data: bytes = b""
    size: int = -1  # cut or extended to so many bytes, if not -1
    name: str = ""
    node: Node | None = None  # what the name means from now on; none if it is removed


@dataclass
class Node:
    """A file or a folder: its changes, and when it was synced (from line, to line)."""

    is_folder: bool
    changes: list[Change] = field(default_factory=list[Change])
    synced: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def sure(self, change: Change, cut: int) -> bool:
        """True if the change was on the disk at line `cut`."""
        return any(change.done < begun and done <= cut for begun, done in self.synced)


@dataclass
class Trace:
    """A folder's life, and the lines that the program wrote to stdout with their places in the log."""

    root: Node
    facts: list[tuple[int, str]]
    length: int


def record(program: Path, folder: Path, log: Path) -> None:
    """Run a program of one argument, the folder, under strace. Raises `CalledProcessError`."""
    strace = ["strace", "-f", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(log)]
    command = [*strace, sys.executable, str(program), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=100)


def calls(log: Path) -> Iterator[Call]:
    """The calls of a log that succeeded, in the order in which they ended."""
    unfinished: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(log.read_text().splitlines()):
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        process, text = found.groups()
        begun = number
        if text.endswith("<unfinished ...>"):
            unfinished[process] = (number, text.removesuffix("<unfinished ...>"))
            continue
        resumed = _RESUMED.fullmatch(text)
        if resumed is not None:
            begun, start = unfinished.pop(process)
            text = start.rstrip() + resumed[2]
        call = _CALL.fullmatch(text)
        if call is not None:
            yield Call(begun, number, call[1], call[2], int(call[3]))


def _plain(text: str) -> str:
    return _HEX.sub(lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode(), text)


def _paths(arguments: str) -> list[str]:
    return [_plain(path).rstrip("/") for path in re.findall(r'"([^"]*)"', arguments)]


class Reader:
    """Follows a log; `trace` is what it found."""

    def __init__(self, folder: Path, log: Path):
        self.folder = str(folder)
        self.root = Node(is_folder=True)
        self.names: dict[str, Node] = {self.folder: self.root}  # as the program sees them
        self.bytes: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.offsets: dict[int, int] = {}
        self.facts: list[tuple[int, str]] = []
        self.log = log

    def trace(self) -> Trace:
        """Read the log."""
        last = 0
        for call in calls(self.log):
            last = max(last, call.done)
            getattr(self, f"_{call.name}")(call)
        return Trace(self.root, self.facts, last)

    def _of(self, path: str) -> bool:
        return path.startswith(self.folder + "/") and not path.endswith("-shm")  # that is no file, but memory

    def _name(self, call: Call, path: str, node: Node | None) -> None:
        parent, _, name = path.rpartition("/")
        change = Change(call.begun, call.done, name=name, node=node)
        self.names[parent].changes.append(change)
        if node is None:
            del self.names[path]
        else:
            self.names[path] = node

    def _write_at(self, call: Call, node: Node, offset: int, data: bytes) -> None:
        node.changes.append(Change(call.begun, call.done, offset=offset, data=data))
        whole = self.bytes[id(node)]
        whole.extend(bytes(max(0, offset + len(data) - len(whole))))
        whole[offset : offset + len(data)] = data

    def _resize(self, call: Call, node: Node, size: int) -> None:
        node.changes.append(Change(call.begun, call.done, size=size))
        whole = self.bytes[id(node)]
        del whole[size:]
        whole.extend(bytes(size - len(whole)))

    def _file(self, arguments: str) -> tuple[int, Node | None]:
        found = _FD.match(arguments)
        assert found is not None, arguments[:200]
        path = _plain(found[2])
        return int(found[1]), self.names.get(path) if self._of(path) or path == self.folder else None

    def _openat(self, call: Call) -> None:
        [path] = _paths(call.arguments)
        self.offsets[call.result] = 0
        if not self._of(path):
            return
        if path not in self.names:
            assert "O_CREAT" in call.arguments
            self._name(call, path, Node(is_folder=False))
        elif "O_TRUNC" in call.arguments:
            self._resize(call, self.names[path], 0)

    def _mkdir(self, call: Call) -> None:
        [path] = _paths(call.arguments)
        if self._of(path):
            self._name(call, path, Node(is_folder=True))

    def _rename(self, call: Call) -> None:
        old, new = _paths(call.arguments)
        if self._of(new):
            node = self.names[old]
            self._name(call, new, node)
            self._name(call, old, None)

    def _unlink(self, call: Call) -> None:
        [path] = _paths(call.arguments)
        if path in self.names:
            self._name(call, path, None)

    _rmdir = _unlink

    def _data(self, call: Call) -> bytes:
        [text] = re.findall(r'"([^"]*)"', call.arguments.partition(">")[2])
        return bytes.fromhex(text.replace("\\x", ""))[: call.result]

    def _pwrite64(self, call: Call) -> None:
        _, node = self._file(call.arguments)
        if node is not None:
            self._write_at(call, node, int(call.arguments.rpartition(", ")[2]), self._data(call))

    def _write(self, call: Call) -> None:
        number, node = self._file(call.arguments)
        if number == 1:
            self.facts.append((call.begun, self._data(call).decode()))
        if node is not None:
            self._write_at(call, node, self.offsets[number], self._data(call))
            self.offsets[number] += call.result

    def _sendfile(self, call: Call) -> None:
        number, node = self._file(call.arguments)
        source = self._file(call.arguments.partition(", ")[2])[1]
        if node is not None and call.result:
            assert source is not None
            start = int(re.findall(r"\[?(\d+)\]?", call.arguments.split(", ")[2])[0])
            data = bytes(self.bytes[id(source)][start : start + call.result])
            self._write_at(call, node, self.offsets[number], data)
            self.offsets[number] += call.result

    def _ftruncate(self, call: Call) -> None:
        _, node = self._file(call.arguments)
        if node is not None:
            self._resize(call, node, int(call.arguments.rpartition(", ")[2]))

    def _fsync(self, call: Call) -> None:
        _, node = self._file(call.arguments)
        if node is not None:
            node.synced.append((call.begun, call.done))

    _fdatasync = _fsync


def cut(trace: Trace, line: int, dice: random.Random, target: Path) -> None:
    """Write into `target` what the disk may hold if the power was cut at a line of the log."""
    share = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])  # of what was not sure
    _folder(trace.root, line, dice, share, target)


def _folder(node: Node, line: int, dice: random.Random, share: float, target: Path) -> None:
    target.mkdir()
    names: dict[str, Node] = {}
    for change in node.changes:
        if change.begun > line:
            break
        if not node.sure(change, line) and dice.random() >= share:
            break  # names come to the disk in their order
        if change.node is None:
            names.pop(change.name, None)
        else:
            names[change.name] = change.node
    for name, inner in names.items():
        if inner.is_folder:
            _folder(inner, line, dice, share, target / name)
        else:
            (target / name).write_bytes(_bytes(inner, line, dice, share))


def _bytes(node: Node, line: int, dice: random.Random, share: float) -> bytes:
    whole = bytearray()
    for change in node.changes:
        if change.begun > line:
            break
        sure = node.sure(change, line)
        if change.size >= 0:
            if sure or dice.random() < share:
                del whole[change.size :]
                whole.extend(bytes(change.size - len(whole)))
            continue
        for start in range(0, len(change.data), SECTOR):
            if sure or dice.random() < share:
                part = change.data[start : start + SECTOR]
                begin = change.offset + start
                whole.extend(bytes(max(0, begin + len(part) - len(whole))))
                whole[begin : begin + len(part)] = part
    return bytes(whole)
