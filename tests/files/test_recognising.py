"""Model files are recognised by their content, whatever they are called."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy
import pytest
import skops.io
from bad_files import (
    DENSE,
    LAMBDA,
    hugging_face,
    keras_zip,
    onnx_bytes,
    safetensors_bytes,
    torch_zip,
    zipped,
)
from sklearn.linear_model import LinearRegression

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.source import Source, parse_source

TRUSTED = ModelOptions(trust=True)


def fitted() -> LinearRegression:
    return LinearRegression().fit([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], [0.0, 1.0, 2.0])


def source_of(path: Path, **options: Any) -> Source:
    return parse_source(str(path), ModelOptions(**({"trust": True} | options)))


def format_of(path: Path, **options: Any) -> str:
    return source_of(path, **options).options.format


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(pickle.dumps(fitted(), protocol))
    assert format_of(path) == "pickle"


def test_a_pickle_by_value_is_cloudpickles(tmp_path: Path) -> None:
    class Local:
        def predict(self, n: int) -> int:
            return n

    path = tmp_path / "model"
    path.write_bytes(cloudpickle.dumps(Local()))
    assert format_of(path) == "cloudpickle"


@pytest.mark.parametrize("compression", [None, "zlib", "gzip", "bz2", "xz", "lzma"])
def test_joblib_plain_and_compressed(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "model.bin"
    joblib.dump(fitted(), path, compress=(compression, 3) if compression else 0)
    assert format_of(path) == "joblib"


def test_skops(tmp_path: Path) -> None:
    skops.io.dump(fitted(), tmp_path / "model.pkl")
    assert format_of(tmp_path / "model.pkl", trust=False) == "skops"


OLD_XGBOOST = (
    bytes(136) + struct.pack("<Q", 15) + b"binary:logistic" + struct.pack("<Q", 6) + b"gbtree" + bytes(99)
)
CONTENTS = {
    "onnx": onnx_bytes(),
    "xgboost": b'{"learner":{"attributes":{},"gradient_booster":{}},"version":[3,0,0]}',
    "xgboost ubjson": b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{L\x00\x00\x00\x00\x00\x00\x00\x0aattr",
    "xgboost old": b"binf" + OLD_XGBOOST,
    "xgboost older": OLD_XGBOOST,
    "lightgbm": b"tree\nversion=v4\nnum_class=1\n",
    "catboost": b"CBM1" + bytes(64),
    "catboost json": b'{\n"features_info":{"float_features":[]},\n"model_info":{},\n"oblivious_trees":[]}',
    "keras-h5": b"\x89HDF\r\n\x1a\n" + bytes(800) + b"model_config" + bytes(800),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_formats_of_one_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(CONTENTS[kind])
    assert format_of(path, format="") == kind.partition(" ")[0]


@pytest.fixture
def every_framework(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Packages that are found, so that only recognising is tested: none is imported for it."""
    for name in (
        "onnxruntime",
        "xgboost",
        "lightgbm",
        "catboost",
        "torch",
        "keras",
        "tensorflow",
        "transformers",
    ):
        (tmp_path / "installed" / name).mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "installed")


pytestmark = pytest.mark.usefixtures("every_framework")


def test_formats_that_are_archives(tmp_path: Path) -> None:
    script = {
        "m__data_DOT_pkl": b"\x80\x02}.",
        "m__constants_DOT_pkl": b"\x80\x02).",
        "m__code__a_DOT_py": b"",
    }
    found = {
        format_of(torch_zip(tmp_path / "a.onnx", pickle.dumps(fitted()))),
        format_of(zipped(tmp_path / "b.zip", **script)),
        format_of(zipped(tmp_path / "c", serialized_exported_program_DOT_json=b"{}"), trust=False),
        format_of(zipped(tmp_path / "d", m__archive_format=b"pt2"), trust=False),
        format_of(keras_zip(tmp_path / "e", DENSE)),
    }
    assert found == {"torch", "torchscript", "torch-export", "keras"}


def test_an_older_file_of_torch(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(
        b"".join(pickle.dumps(n, 2) for n in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    )
    assert format_of(path) == "torch"


def test_formats_that_are_folders(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    safe = hugging_face(tmp_path / "safe", model_DOT_safetensors=safetensors_bytes())
    assert format_of(tmp_path / "saved") == "tensorflow"
    assert format_of(safe, trust=False) == "transformers"
    assert parse_source(str(safe)).name == "safe"


def test_programs_need_trust(tmp_path: Path) -> None:
    """Whatever the safe mode of their framework says."""
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    script = {
        "m__data_DOT_pkl": b"\x80\x02}.",
        "m__constants_DOT_pkl": b"\x80\x02).",
        "m__code__a_DOT_py": b"",
    }
    cases = {
        keras_zip(tmp_path / "m.keras", DENSE): r"a Keras model, which can run code .* export it to ONNX: ",
        zipped(tmp_path / "m.pt", **script): r"a TorchScript file, which is a program .* torch\.export\.save",
        tmp_path / "saved": r"a TensorFlow SavedModel, which is a program .* tf2onnx",
    }
    for path, words in cases.items():
        with pytest.raises(ModelLoadError, match=words):
            parse_source(str(path))


def test_layers_and_folders_that_run_code_need_trust(tmp_path: Path) -> None:
    foreign = {"module": "os.path", "class_name": "join", "config": {}}
    pickled = torch_zip(tmp_path / "weights", pickle.dumps(fitted())).read_bytes()
    safe = safetensors_bytes()
    cases = {
        keras_zip(tmp_path / "a.keras", DENSE, LAMBDA): r"Lambda",
        keras_zip(tmp_path / "b.keras", {"config": [foreign]}): r"os\.path\.join",
        hugging_face(
            tmp_path / "c", {"auto_map": {"AutoModel": "m.M"}}, model_DOT_safetensors=safe
        ): "auto_map",
        hugging_face(
            tmp_path / "d", pytorch_model_DOT_bin=pickled
        ): r"pytorch_model\.bin.*_base\.LinearRegression",
    }
    for path, words in cases.items():
        with pytest.raises(ModelLoadError, match=rf"any code|runs the code.*{words}|{words}.*any code"):
            parse_source(str(path))
        assert format_of(path) in ("keras", "transformers")


def test_the_format_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"nothing that anybody knows")
    assert format_of(path, format="lightgbm") == "lightgbm"
    with pytest.raises(ModelLoadError, match=r"no format 'lihgtgbm'; did you mean 'lightgbm'.*skops, joblib"):
        source_of(path, format="lihgtgbm")


def test_saying_a_format_is_no_trust(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(fitted()))
    with pytest.raises(ModelLoadError, match=r"joblib pickle, which can run any code.*LinearRegression"):
        source_of(path, format="joblib", trust=False)


def test_a_format_that_is_not_installed_names_its_extra(tmp_path: Path) -> None:
    (tmp_path / "installed" / "keras").rmdir()
    with pytest.raises(ModelLoadError, match=r"Keras model needs keras.*pip install 'modelport\[keras\]'"):
        source_of(keras_zip(tmp_path / "m.keras", DENSE))


def test_names_of_models(tmp_path: Path) -> None:
    (tmp_path / "iris").mkdir()
    model = skops.io.dumps(fitted())
    for name in ("model.skops", "best.v2.skops"):
        (tmp_path / "iris" / name).write_bytes(model)
    assert parse_source(f"{tmp_path}/iris/model.skops").name == "iris"
    assert parse_source(f"{tmp_path}/iris/best.v2.skops").name == "best"
    named = parse_source(f"flowers={tmp_path}/iris/model.skops")
    assert (named.name, named.kind) == ("flowers", "model")


def test_a_file_of_the_working_folder_wins_over_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_source("iris.model").kind == "module"
    (tmp_path / "iris.model").write_bytes(skops.io.dumps(fitted()))
    assert parse_source("iris.model").kind == "model"
    hugging_face(tmp_path / "bert", model_DOT_safetensors=safetensors_bytes())
    assert parse_source("bert").kind == "model"


def test_every_recognised_sklearn_file_is_told_apart_from_its_weights(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "weights.npz", w=numpy.zeros(3))
    with pytest.raises(ModelLoadError, match="numpy arrays"):
        source_of(tmp_path / "weights.npz")


def test_a_folder_with_the_one_file_of_a_model_is_that_file_and_has_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "houses"
    folder.mkdir()
    (folder / "README.md").write_text("about them")
    skops.io.dump(fitted(), folder / "model.skops")
    source = source_of(folder)
    assert (source.name, source.target) == ("houses", str(folder / "model.skops"))
    (folder / "MLmodel").write_text("flavors: {}")
    with pytest.raises(ModelLoadError, match="it is a folder of MLflow"):
        source_of(folder)
