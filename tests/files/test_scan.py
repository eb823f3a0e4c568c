"""What pickles import is named without loading them, however they were written or packed."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy
import pytest
from bad_files import Canary, canary_bytes, compressions, torch_zip

from modelport.contract.errors import ModelLoadError
from modelport.guards.bounded import Bounded
from modelport.guards.pickles import is_pickle, scanned
from modelport.sources.source import parse_source

MKDIR = f"{os.name}.mkdir"


def refusal(path: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        parse_source(str(path))
    return str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_imports_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    found = scanned(io.BytesIO(canary_bytes(canary, protocol)))
    assert (found.names, found.incomplete, found.cut) == ((MKDIR,), "", False)
    assert not canary.exists()


@pytest.mark.parametrize("compression", ["gzip", "zlib", "bz2", "xz", "lzma"])
def test_imports_inside_compressed_files(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(compressions(canary_bytes(tmp_path / "canary"))[compression])
    assert f"It imports {MKDIR} - and a model hardly needs {MKDIR}. Load it with --trust" in refusal(path)
    assert not (tmp_path / "canary").exists()


def test_imports_after_the_arrays_that_joblib_puts_between(tmp_path: Path) -> None:
    """Arrays full of bytes that are opcodes, of several types, and one of objects, then the canary."""
    arrays: list[Any] = [
        numpy.frombuffer(b".c\x93R" * 5000, dtype="u1"),
        numpy.zeros((3, 4, 5), order="F"),
        numpy.array(["text", "more"]),
        numpy.array([{"a": 1}, None], dtype=object),
        numpy.array(["2020-01-01"], dtype="M8[D]"),
    ]
    path = tmp_path / "model.joblib"
    joblib.dump([*arrays[:4], Canary(tmp_path / "canary"), arrays[0]], path)
    with path.open("rb") as file:
        found = scanned(file)
    assert (MKDIR in found.names, found.incomplete, found.cut) == (True, "", False)
    assert found.names[0] == MKDIR, "what is suspicious comes first"
    assert not (tmp_path / "canary").exists()


def test_imports_of_every_pickle_in_an_archive_of_torch(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "model.onnx", canary_bytes(tmp_path / "canary"))
    said = refusal(path)
    assert MKDIR in said
    assert "torch.export.save(" in said
    assert not (tmp_path / "canary").exists()


def hidden_eval(argument: str = "1") -> bytes:
    """`builtins.eval`, its name out of the memo and behind values that are thrown away."""
    return (
        b"\x80\x04" + b"\x8c\x04eval\x94" + b"0" + b"\x8c\x08builtins\x94" + b"N0" + b"h\x00\x93"
        + b"\x8c" + bytes([len(argument)]) + argument.encode() + b"\x85R."
    )  # fmt: skip


def test_names_out_of_the_memo() -> None:
    assert pickle.loads(hidden_eval("6 * 7")) == 42, "it does what a pickle may do"
    assert scanned(io.BytesIO(hidden_eval())).names == ("builtins.eval",)


def test_names_of_old_instances() -> None:
    assert scanned(io.BytesIO(b"(S'id'\nios\nsystem\n.")).names == ("os.system",)


def test_a_second_pickle_behind_the_first() -> None:
    found = scanned(io.BytesIO(pickle.dumps([1]) + hidden_eval()))
    assert found.names == ("builtins.eval",)


def test_a_name_that_is_computed_is_said() -> None:
    computed = b"\x80\x04" + b"\x8c\x08builtins" + b"\x8c\x04eval\x85\x93."
    found = scanned(io.BytesIO(computed))
    assert (found.names, found.incomplete) == ((), "it computes the names of some")


def test_a_length_that_is_a_lie_allocates_nothing() -> None:
    found = scanned(io.BytesIO(b"\x80\x04\x8e" + b"\xff" * 7 + b"\x00" + b"short"))
    assert found.cut


def test_a_scan_ends_at_its_limit() -> None:
    content = pickle.dumps([b"x" * 5000, hidden_eval])
    found = scanned(io.BytesIO(content), limit=1000)
    assert (found.incomplete, found.cut) == ("only its beginning was looked at", False)


def test_many_opcodes_end_the_scan() -> None:
    found = scanned(io.BytesIO(b"\x80\x04" + b"N0" * 200_000 + b"N."))
    assert found.incomplete == "only its beginning was looked at"


def test_a_long_list_of_imports_is_cut(tmp_path: Path) -> None:
    many = b"".join(b"cpackage\nname%d\n0" % n for n in range(30))
    path = tmp_path / "m.pkl"
    path.write_bytes(b"\x80\x02" + many + b"cos\nsystem\n.")
    said = refusal(path)
    assert "It imports os.system, package.name0, " in said
    assert "21 more" in said
    path.write_bytes(b"\x80\x02" + b"cos\nsys\x1b[31mtem" + b"x" * 500 + b"\n.")
    assert "\x1b" not in refusal(path)
    assert len(refusal(path)) < 500


@pytest.mark.parametrize("text", [b"class\nname\n1\n", b"(a, b)\n", b"c\n", b"]", b"config = 1\n.", b"ios"])
def test_text_is_no_pickle_by_chance(text: bytes) -> None:
    assert not is_pickle(text)


def test_a_bounded_stream_reads_as_a_file_does() -> None:
    content = os.urandom(200_000) + b"line\nlast"
    source = Bounded(io.BytesIO(content), len(content))
    assert source.read(3) + source.peek()[:1] == content[:4]
    assert source.read(150_000) == content[3:150_003]
    source.skip(49_997)
    assert (source.readline(), source.readline(), source.readline()) == (b"line\n", b"last", b"")
    assert (source.tell(), source.at_end, source.at_limit) == (len(content), True, False)
