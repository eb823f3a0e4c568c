"""Files that cannot be models: one line says what is wrong and what to do."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import onnx
import pytest
import skops.io
from bad_files import (
    compressions,
    hugging_face,
    nested_zip_bomb,
    onnx_bytes,
    overlapping_zip,
    safetensors_bytes,
    zip_bomb,
    zipped,
)
from cli.cli_process import modelport
from onnx import helper
from test_recognising import fitted

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.source import parse_source


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def skops_bytes() -> bytes:
    return skops.io.dumps(fitted())


def half(content: bytes) -> Callable[[Path], object]:
    return written(content[: len(content) // 2])


def compressed_half(path: Path) -> None:
    joblib.dump(fitted(), path, compress=("gzip", 3))
    path.write_bytes(path.read_bytes()[:-40])


def joblib_half(path: Path) -> None:
    joblib.dump(fitted(), path)
    path.write_bytes(path.read_bytes()[:-40])


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def link_to_nothing(path: Path) -> None:
    path.symlink_to("gone")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def folder_with_models(path: Path) -> None:
    path.mkdir()
    (path / "first.onnx").write_bytes(b"")
    (path / "second.skops").write_bytes(b"")


def folder_of_python(path: Path) -> None:
    path.mkdir()
    (path / "model.py").write_text("")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
INDEX = b'{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}'
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "there is no such file"),
    "empty": (written(b""), r"empty file \(0 bytes\); save or copy"),
    "zeros": (written(bytes(5000)), "nothing but zeros"),
    "text": (written(b"my model is the best\n" * 10), "text file"),
    "text of many bytes": (written("die Größe\n".encode() * 3000), "text file"),
    "comma separated": (written(b"class,a,b\n1,2,3\n"), "text file"),
    "json": (written(b'{"a": 1}'), "it is JSON"),
    "web page": (written(b"\n<!DOCTYPE html><html><title>Sign in</title>"), "web page.*download the file"),
    "lfs pointer": (written(LFS), "git lfs pull"),
    "noise": (written(os.urandom(16) + b"\xf7\xfe" * 500), "no format that is known here; --format NAME"),
    "weights only": (written(safetensors_bytes()), "weights only.*name its folder"),
    "hugging face config": (written(b'{"model_type": "bert"}'), "name its folder"),
    "gguf": (written(b"GGUF\x03\x00\x00\x00"), "GGUF"),
    "parquet": (written(b"PAR1" + bytes(9)), "Parquet"),
    "hdf5 of weights": (written(b"\x89HDF\r\n\x1a\n" + bytes(99)), r"model\.save\('model\.keras'\)"),
    "half a pickle": (half(pickle.dumps(fitted())), "pickle ends in the middle"),
    "half a joblib": (joblib_half, "pickle ends in the middle"),
    "half a compressed joblib": (compressed_half, "gzip data ends in the middle"),
    "half a zip": (half(skops_bytes()), "zip archive ends in the middle"),
    "half an onnx": (written(onnx_bytes()[:-9]), "ONNX file ends in the middle"),
    "damaged zip": (written(skops_bytes().replace(b"PK\x01\x02", b"PK\x01\x03")), "damaged"),
    "compressed text": (written(compressions(b"text" * 99)["gzip"]), "by gzip.*decompress it first"),
    "compressed twice": (
        written(compressions(compressions(pickle.dumps(fitted()))["xz"])["gzip"]),
        "compressed by gzip, and no pickle",
    ),
    "zip bomb": (zip_bomb, r"zip bomb: \d+ bytes that would unpack to 104857600"),
    "nested zip bomb": (nested_zip_bomb, "zip bomb"),
    "overlapping zip": (overlapping_zip, "zip bomb: its members overlap"),
    "bomb without a name": (lambda path: zip_bomb(path, "anything"), "zip bomb"),
    "empty zip": (written(b"PK\x05\x06" + bytes(18)), "empty zip"),
    "zip with a pickle": (
        lambda path: zipped(path, model_DOT_pkl=pickle.dumps(fitted())),
        r"zip archive of no model format \(model\.pkl\); unpack",
    ),
    "named pipe": (os.mkfifo, "named pipe"),
    "socket": (bound_socket, "a socket, not a file"),
    "link to itself": (link_to_itself, "leads to itself"),
    "link to nothing": (link_to_nothing, "symbolic link to a file that does not exist"),
    "empty folder": (lambda path: path.mkdir(), "an empty folder"),
    "folder with models": (folder_with_models, r"name the model's file: .*/first\.onnx or .*/second\.skops"),
    "folder of python": (folder_of_python, r"name the Python file: .*/model\.py"),
    "folder without weights": (hugging_face, "without weights"),
    "folder with pointers": (
        lambda path: hugging_face(path, model_DOT_safetensors=LFS), r"model\.safetensors: .*git lfs pull",
    ),
    "folder with a shard": (
        lambda path: hugging_face(path, model_DOT_safetensors_DOT_index_DOT_json=INDEX),
        r"model-1-of-2\.safetensors.* is missing",
    ),
    "weights elsewhere": (written(onnx_bytes("../../etc/passwd")), r"'\.\./\.\./etc/passwd', which is out"),
    "weights anywhere": (written(onnx_bytes("/etc/passwd")), "outside its folder"),
    "weights gone": (written(onnx_bytes("weights.bin")), r"'weights\.bin', is missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("trust", [False, True])
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, case: str, trust: bool) -> None:
    make, words = CASES[case]
    path = tmp_path / "x" / "my.skops"
    path.parent.mkdir()
    make(path)
    with pytest.raises(ModelLoadError, match=words) as caught:
        parse_source(str(path), ModelOptions(trust=trust))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


WHOLE = {
    "skops": skops_bytes(),
    "pickle": pickle.dumps(fitted()),
    "onnx": onnx_bytes("weights.bin"),
    "safetensors": safetensors_bytes(),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_damage_anywhere_is_one_line_or_nothing(tmp_path: Path, kind: str) -> None:
    """Cut at many lengths, and with bytes changed at as many places: only `ModelLoadError` comes out."""
    content = WHOLE[kind]
    path = tmp_path / "m"
    refusals: list[str] = []
    for at in range(0, len(content), max(1, len(content) // 150)):
        for damaged in (content[:at], content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :]):
            path.write_bytes(damaged)
            try:
                parse_source(str(path), ModelOptions(trust=True))
            except ModelLoadError as error:
                refusals.append(str(error))
    assert refusals
    assert [said for said in refusals if "\n" in said] == []


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_weights_behind_a_link_are_refused(tmp_path: Path, link: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(onnx_bytes("weights.bin"))
    if link == "symbolic":
        (folder / "weights.bin").symlink_to(secret)
    else:
        (folder / "weights.bin").hardlink_to(secret)
    with pytest.raises(ModelLoadError, match="is a link"):
        parse_source(str(folder / "m.onnx"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\nb", r"a\nb"), ("\x1b[31mred", r"\x1b[31mred"), (os.fsdecode(b"n\xff"), r"n\udcff")],
)
def test_the_name_of_a_file_is_shown_in_one_line(tmp_path: Path, name: str, shown: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    ended = modelport("check", f"m={path}")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Error: {tmp_path}/{shown}: it is an empty file")
    assert ended.stderr.count("\n") == 1


def tensor_elsewhere() -> Any:
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    return tensor


def onnx_with(tensor: Any, place: str) -> bytes:
    """A model that keeps a tensor anywhere but among its own weights."""
    constant = helper.make_node("Constant", [], ["y"], value=tensor)
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    graph = helper.make_graph([constant], "graph", [], [output])
    functions = []
    if place == "branch":
        inner = helper.make_graph([], "branch", [], [output], [tensor])
        branches = {"then_branch": inner, "else_branch": inner}
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], **branches)], "graph", [], [output])
    elif place == "function":
        functions = [helper.make_function("own", "F", [], ["y"], [constant], imports[:1])]
        call = helper.make_node("F", [], ["y"], domain="own")
        graph = helper.make_graph([call], "graph", [], [output])
    model: Any = helper.make_model(graph, opset_imports=imports, functions=functions)
    return model.SerializeToString()


@pytest.mark.parametrize("place", ["constant", "branch", "function"])
def test_weights_are_looked_after_wherever_they_are(tmp_path: Path, place: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_with(tensor_elsewhere(), place))
    with pytest.raises(ModelLoadError, match=r"'\.\./secret', which is outside its folder"):
        parse_source(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(skops_bytes())
    path.chmod(0)
    with pytest.raises(ModelLoadError, match="permission denied"):
        parse_source(str(path))


def test_near_names_are_named(tmp_path: Path) -> None:
    (tmp_path / "iris.skops").write_bytes(skops_bytes())
    with pytest.raises(ModelLoadError, match=r"no such file; did you mean '.*/iris\.skops'"):
        parse_source(str(tmp_path / "irsi.skops"))


def test_a_missing_file_is_no_module() -> None:
    with pytest.raises(ModelLoadError, match=r"irsi\.onnx: there is no such file"):
        parse_source("irsi.onnx")


@pytest.mark.parametrize("command", ["serve", "metadata", "check", "predict", "train"])
def test_every_command_ends_with_status_2(tmp_path: Path, command: str) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(skops_bytes()[:-30])
    ended = modelport(command, str(path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"Error: {path}: this zip archive ends in the middle (it is cut off); "
        "copy or download the model again\n"
    )
