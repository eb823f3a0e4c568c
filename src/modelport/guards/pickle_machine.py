"""What a pickle would do, followed opcode by opcode without doing any of it.

The machine keeps what it must to name what is imported (texts, names, the memo) and, for joblib's arrays,
how long they are; every other value is unknown to it.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

MARK = object()
UNKNOWN = object()
ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE = ("numpy", "dtype")
MAX_STACK = 1_000_000
MAX_TUPLE = 64
# Values that stay on the stack when something is stored in them or in the memo.
KEEPING = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")
READING = ("GET", "BINGET", "LONG_BINGET")
TEXTS = (str, int, bool, type(None))


@dataclass(frozen=True)
class Global:
    """Something that the pickle imports."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def pair(self) -> tuple[str, str]:
        return self.module, self.name


@dataclass
class Made:
    """An object that calling `maker` would make, and what it was given."""

    maker: Global
    arguments: Any = ()
    state: Any = field(default=None)


class Machine:
    """Follows one pickle. `names` are its imports in order; `computed` is true where it hides one."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.computed = False
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, op: pickletools.OpcodeInfo, arg: Any) -> Any:
        """Follow one opcode. Returns the value that a BUILD has just completed, else `None`."""
        name = op.name
        if name in KEEPING:
            self._memo[len(self._memo) if name == "MEMOIZE" else arg] = self._top()
        elif name in READING:
            self._push(self._memo.get(arg, UNKNOWN))
        elif name in ("GLOBAL", "INST"):
            module, _, attribute = str(arg).partition(" ")
            if name == "INST":
                self._pop_to_mark()
            self._import(module, attribute)
        elif name == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            self._import(module, attribute)
        elif name.startswith("EXT"):
            self._import("copyreg", f"extension {arg}")
        elif name == "DUP":
            self._push(self._top())
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, maker = self._pop(), self._pop()
            self._push(Made(maker, arguments) if isinstance(maker, Global) else UNKNOWN)
        elif name == "BUILD":
            return self._build()
        elif name in ("SETITEM", "SETITEMS"):
            self._set_items(name)
        else:
            self._other(op, arg)
        return None

    @property
    def depth(self) -> int:
        """How many values are on the stack."""
        return len(self._stack)

    # -- the stack ---------------------------------------------------------------------------------

    def _push(self, value: Any) -> None:
        if len(self._stack) < MAX_STACK:
            self._stack.append(value)

    def _pop(self) -> Any:
        return self._stack.pop() if self._stack else UNKNOWN

    def _top(self) -> Any:
        return self._stack[-1] if self._stack else UNKNOWN

    def _pop_to_mark(self) -> list[Any]:
        found: list[Any] = []
        while self._stack:
            value = self._stack.pop()
            if value is MARK:
                break
            found.append(value)
        return found[::-1]

    # -- opcodes -----------------------------------------------------------------------------------

    def _import(self, module: Any, attribute: Any) -> None:
        if isinstance(module, str) and isinstance(attribute, str):
            found = Global(module, attribute)
            self.names[str(found)] = None
            self._push(found)
        else:
            self.computed = True
            self._push(UNKNOWN)

    def _build(self) -> Any:
        state, target = self._pop(), self._top()
        if isinstance(target, Made):
            target.state = state
        return target

    def _set_items(self, name: str) -> None:
        if name == "SETITEMS":
            items = self._pop_to_mark()
        else:
            value, key = self._pop(), self._pop()
            items = [key, value]
        target = self._top()
        if isinstance(target, dict):
            known = cast("dict[str, Any]", target)
            known.update((k, v) for k, v in zip(items[::2], items[1::2], strict=False) if isinstance(k, str))

    def _other(self, op: pickletools.OpcodeInfo, arg: Any) -> None:
        """Everything else, by what the opcode says of its own effect on the stack."""
        before = op.stack_before
        taken: list[Any] = []
        if pickletools.markobject in before:
            taken = self._pop_to_mark()
            before = before[: before.index(pickletools.markobject)]
        for _ in before:
            taken.append(self._pop())
        for after in op.stack_after:
            self._push(MARK if after is pickletools.markobject else _value(op, arg, taken))


def _value(op: pickletools.OpcodeInfo, arg: Any, taken: list[Any]) -> Any:
    name = op.name
    if name == "EMPTY_DICT":
        return {}
    if name == "DICT":
        return {k: v for k, v in zip(taken[::2], taken[1::2], strict=False) if isinstance(k, str)}
    if "TUPLE" in name:
        items = taken if name == "TUPLE" else taken[::-1]
        return tuple(items) if len(items) <= MAX_TUPLE else UNKNOWN
    if name in ("NONE", "NEWTRUE", "NEWFALSE"):
        return {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name]
    return arg if isinstance(arg, TEXTS) and op.arg is not None else UNKNOWN


@dataclass(frozen=True)
class ArrayData:
    """The bytes of an array that follow in the stream of joblib; `None` if a pickle of objects does."""

    size: int | None
    padded: bool


def array_data(built: Any) -> ArrayData | None:
    """What follows in the stream once this object was built: the data of an array, if it is joblib's."""
    if not isinstance(built, Made) or built.maker.pair != ARRAY:
        return None
    given: Any = built.state
    if not isinstance(given, dict):
        return None
    state = cast("dict[str, Any]", given)
    shape, dtype = state.get("shape"), state.get("dtype")
    code = _dtype_code(dtype)
    if code is None or not isinstance(shape, tuple):
        return None
    lengths = cast("tuple[Any, ...]", shape)
    if not all(isinstance(n, int) and n >= 0 for n in lengths):
        return None
    padded = state.get("numpy_array_alignment_bytes") is not None
    if code == "O":
        return ArrayData(None, padded)
    size = code[1:]
    if not size.isdigit():
        return None
    width = 4 if code[0] == "U" else 1  # characters of four bytes
    return ArrayData(prod(lengths) * int(size) * width, padded)


def _dtype_code(dtype: Any) -> str | None:
    """The code such as `f8` of a numpy dtype, `O` for objects; `None` for what has fields."""
    if not isinstance(dtype, Made) or dtype.maker.pair != DTYPE:
        return None
    arguments = dtype.arguments
    code: Any = cast("tuple[Any, ...]", arguments)[0] if isinstance(arguments, tuple) and arguments else None
    if not isinstance(code, str) or code.startswith("V"):
        return None
    return "O" if code.startswith("O") else code
