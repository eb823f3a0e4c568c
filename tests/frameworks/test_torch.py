"""PyTorch's exported programs, TorchScript and modules answer what they answer in torch."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapting import adapted, predicted

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.guards.exported_programs import is_arithmetic
from modelport.sources.frameworks.registry import adapter_of

torch: Any = pytest.importorskip("torch", reason="torch is large: `make test-frameworks` has it")
# TorchScript still works, and there are many such files.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
module: Any = torch.nn.Module


class Net(module):  # as users write it
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)
        self.table = torch.nn.Embedding(10, 2)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x, ids, *, scale=2.0):  # type: ignore[no-untyped-def]
        return {"scores": self.drop(self.layer(x)) * scale, "vectors": self.table(ids)}


class Scaled(module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, times: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
        return self.layer(x) * times, x


def answer(model: Any, *arguments: Any, **named: Any) -> Any:
    with torch.inference_mode():
        return model(*arguments, **named)


@pytest.fixture(scope="module")
def net() -> Any:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def exported(net: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = torch.export.Dim("rows")
    program = torch.export.export(
        net,
        (torch.zeros(2, 4), torch.zeros(2, dtype=torch.long)),
        dynamic_shapes=({0: rows}, {0: rows}, None)[:2],
    )
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    torch.export.save(program, path)
    return path


def test_an_exported_program_says_what_it_takes(net: Any, exported: Path) -> None:
    adapter = adapted("torch", exported)
    assert [(i.name, i.dtype, i.shape) for i in adapter.inputs] == [
        ("x", "float32", [None, 4]),
        ("ids", "int64", [None]),
    ]
    assert adapter.batches
    ids = np.arange(5)
    given = predicted(adapter, {"x": ROWS, "ids": ids})
    own = answer(net, torch.tensor(ROWS), torch.tensor(ids))
    assert {name: array.tobytes() for name, array in given.items()} == {
        name: tensor.numpy().tobytes() for name, tensor in own.items()
    }


@pytest.mark.parametrize("limit", [None, 8])
def test_rows_of_a_program_with_a_fixed_or_bounded_number_stay_apart(
    tmp_path: Path, limit: int | None
) -> None:
    shapes = None if limit is None else ({0: torch.export.Dim("rows", max=limit)},)
    program = torch.export.export(torch.nn.Linear(4, 3), (torch.zeros(2, 4),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "model.pt2")
    adapter = adapted("torch", tmp_path / "model.pt2")
    assert not adapter.batches
    assert adapter.inputs[0].shape == [2 if limit is None else None, 4]
    own = answer(program.module(), torch.tensor(ROWS[:2])).numpy()
    assert predicted(adapter, {"input": ROWS[:2]}).tobytes() == own.tobytes()


@pytest.mark.parametrize("make", [torch.jit.script, lambda m: torch.jit.trace(m, torch.zeros(2, 4))])
def test_torchscript_has_the_arguments_of_its_forward(tmp_path: Path, make: Callable[[Any], Any]) -> None:
    script = make(Scaled().eval())
    script.save(str(tmp_path / "model.pt"))
    with pytest.raises(ModelLoadError, match=r"TorchScript is a program.*--trust"):
        adapted("torch", tmp_path / "model.pt")
    adapter = adapted("torch", tmp_path / "model.pt", trust=True)
    assert [(i.name, i.dtype, i.shape) for i in adapter.inputs] == [("x", "float32", [])]
    assert [(o.name, o.schema) for o in adapter.options] in (
        [("times", {"type": "integer", "default": 2})],
        [],
    )
    assert not adapter.batches
    own = answer(script, torch.tensor(ROWS))
    given = predicted(adapter, {"x": ROWS})
    assert [given["output_0"].tobytes(), given["output_1"].tobytes()] == [t.numpy().tobytes() for t in own]
    first = adapted("torch", tmp_path / "model.pt", trust=True, first_output=True, max_batch_size=8)
    assert first.batches
    assert predicted(first, {"x": ROWS}).tobytes() == own[0].numpy().tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_a_module_gets_the_type_of_its_weights(dtype: str) -> None:
    model = torch.nn.Linear(4, 3).to(getattr(torch, dtype))
    adapter = adapter_of(model, ModelOptions())
    assert adapter is not None
    assert adapter.inputs[0].dtype == ("float32" if dtype == "bfloat16" else dtype)
    own = answer(model, torch.tensor(ROWS).to(getattr(torch, dtype)))
    assert np.array_equal(predicted(adapter, {"input": ROWS}), own.to(torch.float64).numpy())


def test_a_module_is_put_into_evaluation_and_looks_up_whole_numbers(net: Any) -> None:
    net.train()
    adapter = adapter_of(net, ModelOptions())
    assert adapter is not None
    assert not net.training
    assert [option.name for option in adapter.options] == ["scale"]
    table = adapter_of(torch.nn.Sequential(torch.nn.Embedding(5, 2)), ModelOptions())
    assert table is not None
    assert table.inputs[0].dtype == "int64"


def test_a_pickled_module_needs_trust(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(ModelLoadError, match=r"runs code when it is loaded: export it .* --trust"):
        adapted("torch", tmp_path / "model.pt")
    adapter = adapted("torch", tmp_path / "model.pt", trust=True)
    assert (
        predicted(adapter, {"input": ROWS}).tobytes() == answer(model, torch.tensor(ROWS)).numpy().tobytes()
    )


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(4, 3).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ModelLoadError, match="it holds a OrderedDict, such as weights without their module"):
        adapted("torch", tmp_path / "weights.pt", trust=True)


def test_a_cut_file_is_one_line(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt2").write_bytes(exported.read_bytes()[:2000])
    with pytest.raises(ModelLoadError, match="the end of the file is missing"):
        adapted("torch", tmp_path / "cut.pt2")


class Bomb:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> Path:
    """A copy of an archive with other members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        root = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            new.writestr(name, change(name.partition("/")[2], old.read(name)))
        for name, data in more.items():
            new.writestr(f"{root}/{name}", data)
    return target


def graph_with(key: str, value: Any) -> Callable[[str, bytes], bytes]:
    """Change the first entry of this name anywhere in the description of the graph."""

    def put(node: Any) -> bool:
        if isinstance(node, dict):
            if key in node:
                node[key] = value
                return True
            return any(put(inner) for inner in node.values())
        return isinstance(node, list) and any(put(inner) for inner in node)

    def change(name: str, data: bytes) -> bytes:
        if name != "models/model.json":
            return data
        graph = json.loads(data)
        assert put(graph)
        return json.dumps(graph).encode()

    return change


def test_an_archive_that_would_run_code_is_refused(exported: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bomb = pickle.dumps(Bomb(mark))
    run = f"__import__('pathlib').Path('{mark}').touch()"
    pickled: dict[str, Any] = {"x": {"path_name": "weight_0", "use_pickle": True}}
    archives = {
        "its sample inputs": lambda name, data: bomb if name.startswith("data/sample_inputs") else data,
        "guards_code is": graph_with("guards_code", [run]),
        "expr_str is": graph_with("expr_str", run),
        "operator is": graph_with("target", "torch.os.system"),
        "operator is 'torch.ops.aten.add.__": graph_with("target", "torch.ops.aten.add.__getattribute__"),
        "operator is 'torch.ops.aten.__": graph_with("target", "torch.ops.aten.__init__"),
        "operator is 'torch.ops.aten.from": graph_with("target", "torch.ops.aten.from_file.default"),
        "operator is 'torch.ops.higher": graph_with("target", "torch.ops.higher_order.wrap"),
        "in_spec is": graph_with("in_spec", '[1, {"type": "x", "context": "{\\"__enum__\\": 1}"}]'),
        "name is": graph_with("name", "x=print(1)"),
        "is pickled": lambda name, data: (
            json.dumps({"config": pickled}).encode() if "config" in name else data
        ),
    }
    for number, (reason, change) in enumerate(archives.items()):
        path = rewritten(exported, tmp_path / f"{number}.pt2", change)
        with pytest.raises(ModelLoadError, match=f"could run code: .*{reason}"):
            adapted("torch", path)
    library = rewritten(
        exported, tmp_path / "code.pt2", lambda _, data: data, **{"data/aotinductor/m/m.so": b"code"}
    )
    with pytest.raises(ModelLoadError, match="it holds 'data/aotinductor/m/m.so'"):
        adapted("torch", library)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s23', positive=True, integer=True)",
        "2*s0 + FloorDiv(s1, 2)",
        "L['x'].size()[0] == 4",
        "Max(1, u0)",
    ],
)
def test_sizes_are_arithmetic(text: str) -> None:
    assert is_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "().__class__",
        "L['x'].size.__globals__",
        "(lambda: 1)()",
        "[x for x in L]",
        "Symbol('print(1)')",
        "s0(",
    ],
)
def test_programs_are_not_arithmetic(text: str) -> None:
    assert not is_arithmetic(text)
