"""What one model has otherwise: where it is written, which place wins, and what is said of a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modelport
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.of_models import check_models, own_of_mapping, own_of_options
from modelport.settings.reading import load_settings, mistyped_variables

TABLES = """
workers = 3
timeout = 30

[models.iris]
workers = 1
max-batch-size = 8

[models.digits]
source = "digits.py"
queue_size = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "service.toml"
    path.write_text(TABLES)
    return str(path)


def test_what_a_model_has_for_itself_wins_over_what_all_have_wherever_both_are_written(file: str) -> None:
    own = own_of_options(["iris:max-wait-ms=2.5", "other:timeout=5", "iris:max_batch_size=4"])
    read = load_settings({"workers": "4"}, file, {"MODELPORT_TIMEOUT": "20"}, models=own)
    assert (read.workers, read.timeout, read.max_batch_size) == (4, 20, 0)
    iris, digits = read.of("iris"), read.of("digits")
    assert (iris.workers, iris.timeout, iris.max_batch_size, iris.max_wait_ms) == (1, 20, 4, 2.5)
    assert (digits.workers, digits.queue_size, digits.max_batch_size) == (4, 7, 0)
    assert read.of("other").timeout == 5
    assert read.of("unheard of") is read


def test_variables_of_processes_are_those_of_every_place(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text('[environment]\nA = "1"\nB = "1"\n[models.iris.environment]\nB = "2"\nC = "2"\n')
    own = own_of_options(["iris:environment=C=3", "iris:environment=D=3"])
    read = load_settings(
        {"environment": ("A=4",)}, str(path), {"MODELPORT_ENVIRONMENT": "A=5,E=5"}, models=own
    )
    assert read.environment == {"A": "4", "B": "1", "E": "5"}
    assert read.of("iris").environment == {"A": "4", "B": "2", "C": "3", "D": "3", "E": "5"}


def test_a_variable_has_what_the_option_takes(file: str) -> None:
    variables = {"MODELPORT_MODEL": "iris:timeout=5; digits:devices=cuda:0,cuda:1;"}
    read = load_settings({}, file, variables, models=own_of_options(["digits:devices=cpu"]))
    assert (read.of("iris").timeout, read.of("iris").workers) == (5, 1)
    assert read.of("digits").devices == ["cpu"]
    assert mistyped_variables(variables) == {}
    with pytest.raises(SettingsError, match=r"^MODELPORT_MODEL iris:tmeout: there is no setting 'tmeout'"):
        load_settings({}, None, {"MODELPORT_MODEL": "iris:tmeout=5"})


def test_each_value_knows_where_it_was_written(file: str) -> None:
    own = own_of_options(["iris:max-wait-ms=2.5"])
    read = load_settings({"queue_size": "9"}, file, {"MODELPORT_TIMEOUT": "20"}, models=own)
    assert read.of("iris").written == {
        "workers": f"{file}: models.iris.workers",
        "max_batch_size": f"{file}: models.iris.max-batch-size",
        "max_wait_ms": "--model iris:max-wait-ms",
        "timeout": "MODELPORT_TIMEOUT",
        "queue_size": "--queue-size",
        "sources": f"{file}: models.digits.source",
    }


def test_a_source_in_a_table_is_served_beside_those_that_are_listed(tmp_path: Path, file: str) -> None:
    assert load_settings({}, file, {}).sources == ["digits=digits.py"]
    both = tmp_path / "both.toml"
    both.write_text(f'sources = ["a.py"]\n{TABLES}')
    assert load_settings({}, str(both), {}).sources == ["a.py", "digits=digits.py"]
    assert load_settings({"sources": ["b.py"]}, str(both), {}).sources == ["b.py"]


WRONG_TABLES = {
    "no table": ("models = 3\n", "models: write a table for each model, [models.NAME]"),
    "a value": ("[models]\niris = 3\n", "models.iris: write a table of settings, [models.iris]"),
    "a name": ('[models."a b"]\n', "models.a b: 'a b' cannot be a model's name"),
    "misspelt": (
        "[models.iris]\nworker = 2\n",
        "models.iris.worker: there is no setting 'worker' of one model; did you mean 'workers'?",
    ),
    "unlike any": ("[models.iris]\nzebra = 2\n", "there is no setting 'zebra' of one model; there are "),
    "of the server": (
        "[models.iris]\nport = 2\n",
        "models.iris.port: 'port' is a setting of the server, which no model has for itself",
    ),
    "a wrong value": ("[models.iris]\nqueue_size = 0\n", "models.iris.queue_size: 0 is too small"),
    "a second name": (
        '[models.iris]\nsource = "x=a.py"\n',
        "models.iris.source: the table names the model; write the source alone, a.py",
    ),
    "no source": ("[models.iris]\nsource = 3\n", "models.iris.source: 3 is no source; write the path"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_table_that_cannot_be_used_is_named_with_the_key(tmp_path: Path, name: str) -> None:
    text, said = WRONG_TABLES[name]
    path = tmp_path / "service.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, str(path), {})
    assert str(caught.value).startswith(f"{path}: models")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("read", "given", "said"),
    [
        (own_of_options, ["iris"], "--model iris: this is no setting of one model; write NAME:SETTING=VALUE"),
        (own_of_options, ["iris:workers"], "--model iris:workers: this is no setting of one model"),
        (own_of_options, [":workers=2"], "--model :workers=2: this is no setting of one model"),
        (own_of_options, ["iris:wrokers=2"], "--model iris:wrokers: there is no setting 'wrokers' of one"),
        (own_of_options, ["iris:workers=x"], "--model iris:workers: 'x' is not a value of type int"),
        (own_of_options, ["iris:source=a.py"], "--model iris:source: name the source itself: modelport"),
        (_mapping := lambda given: own_of_mapping(given, "model_settings"), 3, "model_settings: write a"),
        (_mapping, {"iris": 3}, "model_settings['iris']: write a dictionary of settings"),
        (_mapping, {"iris": {"wait": 3}}, "model_settings['iris']['wait']: there is no setting 'wait'"),
        (_mapping, {"iris": {"timeout": "x"}}, "model_settings['iris']['timeout']: 'x' is not a value of"),
    ],
)  # fmt: skip
def test_a_setting_of_one_model_that_cannot_be_used_is_named(
    read: Callable[[Any], Any], given: Any, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(given)
    assert str(caught.value).startswith(said)


def test_settings_of_a_model_that_nobody_serves_are_refused_with_the_name_that_was_meant(file: str) -> None:
    read = load_settings({}, file, {})
    check_models(read, ["iris", "digits"])
    check_models(read, ["iris"])  # digits is known, by its source
    with pytest.raises(
        SettingsError, match=r"models\.iris\.workers: no model is called 'iris'; did you mean 'irs'"
    ):
        check_models(read, ["irs", "digits"])
    with pytest.raises(
        SettingsError, match="no model is called 'iris'; there is: wine; a source in its table would"
    ):
        check_models(read, ["wine"])


def test_settings_of_one_model_are_arguments_in_python(tmp_path: Path) -> None:
    source = tmp_path / "double.py"
    source.write_text("def predict(x: int) -> int:\n    return 2 * x\n")
    app = modelport.create_app({"double": source}, model_settings={"double": {"timeout": 3}}, workers=2)
    own = app.settings.of("double")
    assert (own.timeout, own.workers, Settings().timeout) == (3, 2, 300)
    with pytest.raises(
        ValueError, match=r"create_app\(\): model_settings\['duoble'\]\['timeout'\]: no model is"
    ):
        modelport.create_app({"double": source}, model_settings={"duoble": {"timeout": 3}})
    with pytest.raises(TypeError, match="no argument 'model_setting'; did you mean 'model_settings'"):
        modelport.create_app({"double": source}, model_setting={})  # pyright: ignore[reportCallIssue]
