"""Files that can run code are loaded only with trust: without it nothing in them runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
import skops.io
from bad_files import Canary, canary_bytes, compressions, torch_zip, zipped
from cli.cli_process import modelport
from serving import serving

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.source import parse_source

PICKLED = "which can run any code when it is loaded"
HIDDEN: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "model.pkl": (lambda path, content: path.write_bytes(content), PICKLED),
    "model.onnx": (lambda path, content: path.write_bytes(content), PICKLED),
    "model.keras": (lambda path, content: path.write_bytes(content), PICKLED),
    "model.safetensors": (lambda path, content: path.write_bytes(content), PICKLED),
    "model.skops": (lambda path, content: path.write_bytes(compressions(content)["zlib"]), PICKLED),
    "model.gz": (lambda path, content: path.write_bytes(compressions(content)["gzip"]), PICKLED),
    "model.pt2": (torch_zip, PICKLED),
    "model.zip": (lambda path, content: zipped(path, model_DOT_pkl=content), "zip archive of no model"),
    "member.skops": (
        lambda path, content: zipped(path, schema_DOT_json=content, x_DOT_npy=content),
        "loading it as scikit-learn",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_hidden_in_a_file_runs(tmp_path: Path, name: str) -> None:
    canary, path = tmp_path / "canary", tmp_path / name
    make, words = HIDDEN[name]
    make(path, canary_bytes(canary))
    ended = modelport("serve", "--port", "0", str(path))
    assert not canary.exists()
    assert ended.returncode == 2
    said = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.parametrize("format", ["onnx", "keras", "skops", "lightgbm", "torch-export", "transformers"])
def test_no_other_loader_is_tried(tmp_path: Path, format: str) -> None:
    """A format that is said does not make a loader fall back on pickles."""
    canary, path = tmp_path / "canary", tmp_path / "model"
    path.write_bytes(canary_bytes(canary))
    ended = modelport("metadata", "--format", format, str(path))
    assert ended.returncode in (1, 2), ended.stderr
    assert not canary.exists()


def test_with_trust_it_runs(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "model.pkl"
    path.write_bytes(canary_bytes(canary))
    ended = modelport("metadata", "--trust", str(path))
    assert canary.exists()
    assert ended.returncode == 1
    assert ended.stderr == f"Error: {path}: it holds a dictionary (model), not a model with predict()\n"


def test_a_joblib_file_with_arrays_runs_nothing(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "model.joblib"
    joblib.dump([1, Canary(canary)], path)
    ended = modelport("check", str(path))
    assert (ended.returncode, canary.exists()) == (2, False)


class Unknown:
    """A class that skops does not know."""

    def __init__(self) -> None:
        self.n = 1

    def predict(self, n: int) -> int:
        return n + self.n


def test_types_that_skops_does_not_know_need_trust(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    skops.io.dump(Unknown(), path)
    refused = modelport("metadata", str(path))
    assert refused.returncode == 1
    assert "types that skops does not know to be safe: " in refused.stderr
    assert "test_trust.Unknown. Load it with --trust" in refused.stderr


def test_trust_may_be_said_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "own_types.py").write_text(
        "class Own:\n    def predict(self, n: int) -> int:\n        return n + 1\n"
    )
    (tmp_path / "plus.pkl").write_bytes(b"\x80\x02cown_types\nOwn\n)\x81.")
    (tmp_path / "settings.toml").write_text("sources = ['plus.pkl']\ntrust = true\nformat = 'pickle'\n")
    with serving("--config", "settings.toml", cwd=tmp_path) as server:
        answer = server.client.post("/v2/models/plus/predict/", json={"n": 2})
        assert (answer.status_code, answer.json()) == (200, 3)
        server.wait_for_log(re.escape("a model of the typed contract, from plus.pkl (pickle)"))
    (tmp_path / "settings.toml").write_text("sources = ['plus.pkl']\nformat = 'pickel'\n")
    ended = modelport("serve", "--config", "settings.toml", cwd=tmp_path)
    assert ended.returncode == 2
    assert "settings.toml: format: 'pickel' is none of skops, joblib, pickle," in ended.stderr


def test_a_pickle_of_a_script_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(b"\x80\x02c__main__\nMine\n)\x81.")
    ended = modelport("metadata", "--trust", str(path))
    assert "written in a script or notebook: save it with cloudpickle.dump()" in ended.stderr
    path.write_bytes(b"\x80\x02cno_such_package\nMine\n)\x81.")
    ended = modelport("metadata", "--trust", str(path))
    assert "it needs the module 'no_such_package'" in ended.stderr


@pytest.mark.parametrize("trust", [False, True])
def test_weights_without_their_model_are_refused_with_trust_or_without(tmp_path: Path, trust: bool) -> None:
    names = ("collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage")
    pickled = b"\x80\x02" + b"".join(f"c{name}\n0".encode() for name in names) + b"N."
    path = torch_zip(tmp_path / "model.pt", pickled)
    with pytest.raises(ModelLoadError) as refused:
        parse_source(str(path), ModelOptions(trust=trust))
    said = str(refused.value)
    assert "it holds weights, such as a state_dict, and no model; load them into their module" in said
    assert "--trust" not in said


def test_a_refusal_names_dangerous_modules_and_the_makers_own_first(tmp_path: Path) -> None:
    names = [f"sklearn.part{number}\nThing" for number in range(12)] + ["my_steps\nOwn", "os\nsystem"]
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02" + b"".join(f"c{name}\n0".encode() for name in names) + b"N.")
    with pytest.raises(
        ModelLoadError, match=r"It imports os\.system, my_steps\.Own, sklearn\.part0\.Thing, "
    ):
        parse_source(str(path))
