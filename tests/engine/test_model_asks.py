"""What a model asks for by itself, and that its processes have it; what the operator says comes first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from serving import MODELS, Server, serving, wait_until

import modelport
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.contract.own_settings import own_settings
from modelport.contract.signature import Signature
from modelport.sources.load import served_model

SOURCE = str(MODELS / "asking.py")


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asking") / "notes"


@pytest.fixture(scope="module")
def server(notes: Path) -> Iterator[Server]:
    """The class as it is; with other threads by an option; late; the object; the module."""
    sources = [f"own={SOURCE}:Asks", f"told={SOURCE}:Asks", f"late={SOURCE}:Late", "made=asking_object:made"]
    more = ["--model", "told:threads=2", "--model", f"own:environment=NOTES={notes}", "--timeout", "60"]
    with serving(*sources, f"module={SOURCE}", *more) as server:
        yield server


def seen(server: Server, model: str) -> dict[str, Any]:
    answer = server.client.post(f"/v2/models/{model}/predict", json={}).json()
    return answer.get("predictions", answer)


@pytest.mark.parametrize(
    ("model", "told", "threads"),
    [
        pytest.param("own", "by the class", 3, id="a class"),
        pytest.param("told", "by the class", 2, id="the operator says otherwise"),
        pytest.param("late", None, 5, id="an attribute of the object alone"),
        pytest.param("made", "by the class", 3, id="an object of the module"),
        pytest.param("module", "by a module", None, id="a module"),
    ],
)
def test_a_process_has_what_its_model_asks_for(
    server: Server, model: str, told: str | None, threads: int | None
) -> None:
    found = seen(server, model)
    assert found["TOLD"] == told
    assert threads in (None, found["threads"])
    assert found["OMP_NUM_THREADS"] == str(found["threads"])


def test_no_object_is_made_in_a_process_without_what_its_class_asks_for(server: Server, notes: Path) -> None:
    wait_until(lambda: len(notes.read_text().splitlines()) >= 2, lambda: server.log)
    made = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [(one["TOLD"], one["OMP_NUM_THREADS"]) for one in made] == [("by the class", "3")] * 2
    assert {one["number"] for one in made} == {0, 1}, "as many workers as it asks for"


def test_the_process_of_a_job_has_it_too(server: Server) -> None:
    with modelport.Client(server.url) as client:
        assert client.train("own").result()["TOLD"] == "by the class"


def test_what_the_operator_says_for_all_models_comes_before_what_one_asks_for(server: Server) -> None:
    server.wait_for_log(re.escape("own: it has settings of its own: workers, threads, environment\n"))


def test_deadlines_are_those_that_a_model_asks_for(tmp_path: Path) -> None:
    source = tmp_path / "slow.py"
    source.write_text(
        "import time\nimport modelport\nclass Slow(modelport.Model):\n    timeout = 0.3\n"
        "    def predict(self) -> int:\n        time.sleep(30)\n        return 0\n"
    )
    with serving(str(source)) as server:
        late = server.client.post("/v2/models/slow/predict", json={})
        assert (late.status_code, late.json()["detail"]) == (504, "the prediction took longer than 0.3 s")


def test_batches_may_be_the_operators_alone_and_a_size_that_means_nothing_is_pointed_out() -> None:
    sizes = ["--model", "batches:max_batch_size=4", "--model", "batches:max_wait_ms=20000"]
    more = ["--model", "foreign:max_batch_size=4"]
    with serving(f"batches={SOURCE}:Batches", f"foreign={SOURCE}:Foreign", *sizes, *more) as server:
        with ThreadPoolExecutor(4) as several:
            asked = [several.submit(seen_together, server) for _ in range(4)]
        assert [one.result() for one in asked] == [4] * 4
        server.wait_for_log("--model foreign:max_batch_size: it means nothing: the model takes no batches")
        assert "predict_batch() is not used" not in server.log


def seen_together(server: Server) -> int:
    return server.client.post("/v2/models/batches/predict", json={"x": 1}).json()


def signature_of(model: Any, **options: Any) -> Signature:
    return served_model(model, "m", ModelOptions(**options)).signature


def test_words_that_mean_something_else_to_other_classes_are_left_alone() -> None:
    class Foreign:
        workers = "many"
        timeout = -1

        def predict(self, x: int) -> int:
            return x

    assert signature_of(Foreign()).settings == {}
    Foreign.modelport_settings = {"timeout": 5}  # pyright: ignore[reportAttributeAccessIssue]
    assert signature_of(Foreign()).settings == {"timeout": 5}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"workers": 0}, "workers: 0 is too small: it must be 1 or more"),
        ({"workers": "two"}, "workers: 'two' is not a value of type int"),
        ({"timeout": -1}, "timeout: -1 is not a number of 0 or more"),
        ({"devices": ["gpu"]}, "devices: ['gpu'] names no device with 'gpu'"),
        ({"environment": {"A B": ""}}, "environment: the value has 'A B'"),
        ({"idle_unload": "soon"}, "idle_unload: 'soon' is no duration"),
        (
            {"predict_batch": list, "max_batch_size": "many"},
            "max_batch_size is 'many'; it must be a whole number",
        ),
        (
            {"predict_batch": list, "max_wait_ms": -1},
            "max_wait_ms is -1; it must be a number of milliseconds",
        ),
    ],
    ids=str,
)
def test_a_value_that_a_model_cannot_say_of_itself_is_named(attributes: dict[str, Any], said: str) -> None:
    cls = type("Wrong", (modelport.Model,), {"predict": lambda self: 0, **attributes})
    for model in (cls, cls()):
        with pytest.raises(ModelLoadError) as caught:
            own_settings(model)
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (3, "modelport_settings is no dictionary of settings, but a int"),
        (
            {"wokers": 2},
            "has 'wokers', which no model can say of itself; did you mean 'workers' or",
        ),
        (
            {"trust": True},
            "modelport_settings has 'trust', which no model can say of itself; there are workers, ",
        ),
        ({"workers": 0}, "workers: 0 is too small"),
    ],
)
def test_a_dictionary_of_settings_that_cannot_be_used_says_why(written: Any, said: str) -> None:
    cls = type("Wrong", (), {"predict": lambda self: 0, "modelport_settings": written})
    with pytest.raises(ModelLoadError) as caught:
        own_settings(cls())
    assert said in str(caught.value)


def test_a_server_says_which_attribute_is_wrong(tmp_path: Path) -> None:
    source = tmp_path / "wrong.py"
    source.write_text(
        "import modelport\nclass Wrong(modelport.Model):\n    timeout = 'soon'\n    def predict(self): ...\n"
    )
    with serving(str(source), "--keep-going") as server:
        said = f"wrong: failed: {source}: the model says timeout: 'soon' is not a value of type float"
        server.wait_for_log(re.escape(said))
