"""`modelport build`: what a source consists of and needs, what is refused, and how engines are asked."""

from __future__ import annotations

import pickle
import stat
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from cli.cli_process import modelport
from packaging.requirements import Requirement

from modelport.cli.images.contents import contents_of
from modelport.cli.images.dockerfile import Image, dockerfile, python_from
from modelport.cli.images.files import taken_from
from modelport.cli.images.lock import locked
from modelport.cli.images.requirements import needed_by


def written(folder: Path, **files: str) -> Path:
    """Files in a folder, `__` in a name for a slash and `_py` for `.py`."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt").replace(
            "_toml", ".toml"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_folder_of_a_file_goes_in_and_what_its_modules_import_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        tmp_path,
        lab__model_py="import steps, json\n",
        lab__steps_py="from numpy import array\nimport nowhere.x\n",
    )
    monkeypatch.chdir(tmp_path)
    found = contents_of("mine=lab/model.py:Model")
    assert (found.serve, found.root) == (["mine=model.py:Model"], tmp_path / "lab")
    assert found.modules == {"numpy", "nowhere"}
    needed = needed_by(found.root, None, found.modules)
    assert [str(one) for one in needed.requirements] == ["numpy"]
    assert needed.notes == [
        "nowhere: it is imported, and no package here has it; name it in requirements.txt"
    ]


def test_the_working_folder_goes_in_where_modules_of_it_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        tmp_path,
        lab__model_py="from common.words import two\n",
        common__words_py="import yaml\n",
        common____init___py="",
    )
    (tmp_path / "common" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    found = contents_of("lab/model.py")
    assert (found.serve, found.root, found.modules) == (["lab=lab/model.py"], tmp_path, {"yaml"})
    assert contents_of("common.words").serve == ["words=common.words"]


def test_a_file_of_settings_brings_all_its_models_and_the_extras_of_its_settings(tmp_path: Path) -> None:
    text = 'database_url = "postgresql://db/x"\nport = 80\n'
    text += '[models.one]\nsource = "one.py"\n[models.two]\nsource = "in/two.py"\n'
    written(tmp_path, one_py="import yaml\n", in__two_py="import click\n", service_toml=text)
    found = contents_of(str(tmp_path / "service.toml"))
    assert (found.serve, found.root, found.modules) == (["service.toml"], tmp_path, {"yaml", "click"})
    assert (found.extras, found.set_) == ({"postgres"}, {"database_url", "port"})
    written(tmp_path / "in", service_toml='[models.one]\nsource = "../one.py"\n')
    with pytest.raises(click.ClickException, match="it lies outside of"):
        contents_of(str(tmp_path / "in" / "service.toml"))


class Pickled:
    """What a pickle names."""


def test_a_model_file_goes_in_alone_unless_it_names_modules_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, shapes_py="import click\nclass Shape: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import shapes  # pyright: ignore[reportMissingImports]

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(shapes.Shape()))
    monkeypatch.chdir(tmp_path)
    found = contents_of("model.pkl")
    assert (found.root, found.only, found.modules) == (tmp_path, None, {"click"})
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "model.pkl"
    alone.write_bytes(pickle.dumps(Requirement("click")))
    monkeypatch.chdir("/")
    found = contents_of(str(alone))
    assert (found.only, found.serve) == (alone, ["alone=model.pkl"])
    assert "packaging" in found.modules


def test_what_is_installed_has_no_files_and_is_locked(tmp_path: Path) -> None:
    found = contents_of("table=tqdm.auto:tqdm")
    assert (found.root, found.serve, [str(one) for one in found.needed]) == (
        None,
        ["table=tqdm.auto:tqdm"],
        ["tqdm"],
    )
    lines = locked(found.needed, [], tmp_path / "wheels").text().splitlines()
    assert lines[1:] == [f"tqdm=={version('tqdm')}"]


def test_requirements_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    written(
        tmp_path,
        requirements_txt="# ours\n--index-url https://models.example.org/simple\n-r more.txt\n-e .\n"
        "click>=8 ; python_version > '3' # words\n"
        "pyyaml==1.0 \\\n  --hash=sha256:abc\nno-such-thing-here>2\n",
        more_txt="numpy\n",
    )
    needed = needed_by(tmp_path, None, ())
    assert [one.name for one in needed.requirements] == ["numpy", "click", "pyyaml", "no-such-thing-here"]
    assert needed.options == ["--index-url https://models.example.org/simple"]
    assert len(needed.notes) == 1
    lock = locked(needed.requirements, needed.options, tmp_path / "wheels")
    assert {f"click=={version('click')}", "pyyaml==1.0", "no-such-thing-here>2"} <= set(
        lock.text().splitlines()
    )
    assert (lock.is_whole, len(lock.notes)) == (False, 2)
    written(tmp_path, requirements_txt="--extra-index-url https://me:word@models.example.org/simple\n")
    with pytest.raises(click.ClickException, match="a password would be in the image"):
        needed_by(tmp_path, None, ())
    written(tmp_path / "project", pyproject_toml='[project]\nname = "x"\ndependencies = ["click"]\n')
    assert [one.name for one in needed_by(tmp_path / "project", None, ()).requirements] == ["click"]


def test_what_looks_like_secrets_or_data_goes_in_where_it_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path, model_py="", data__words_txt="", data__rows_txt="", notes_txt="")
    (tmp_path / "elsewhere").symlink_to("/etc")
    (tmp_path / "gone").symlink_to("/nowhere")
    taken = taken_from(tmp_path, ["data/words.txt"], ["notes*"])
    assert set(taken.files) == {"model.py", "data/words.txt"}
    assert taken.out["--exclude"] == ["notes.txt"]
    assert taken.out["data"] == ["data/rows.txt"]
    assert sorted(next(names for reason, names in taken.out.items() if "links" in reason)) == [
        "elsewhere/",
        "gone",
    ]


def test_a_base_without_python_gets_one_by_uv() -> None:
    assert (python_from("docker.io/library/python:3.12"), python_from("nvidia/cuda:12.8.1-runtime")) == (
        "base",
        "uv",
    )
    text = dockerfile(Image("nvidia/cuda:12.8.1-runtime", "uv", "iris", ["iris.py"], "0"))
    assert text.count("FROM nvidia/cuda:12.8.1-runtime") == 2
    assert text.index("COPY --from=environment /opt/python /opt/python") < text.index(
        "COPY --from=environment /opt/venv"
    )
    assert '"--managed-python"' in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.py"], "Missing option '-t'"),
        (["model.py", "-t", "Lab/Iris"], "'Lab/Iris' is no name of an image"),
        (["model.py", "-t", "lab/iris", "--", "--worker", "2"], "No such option '--worker'"),
        (["model.py", "--only-context", "full"], "full holds something else already"),
        (["mlflow:models:/iris/1", "--only-context", "new"], "an image asks no store of MLflow"),
        (["none.py", "--only-context", "new"], "there is no such file"),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    written(tmp_path, model_py="", full__mine_txt="")
    done = modelport("build", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine.txt", "model.py"]


def test_where_no_engine_answers_it_is_said_what_to_do(tmp_path: Path) -> None:
    written(tmp_path, model_py="")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    done = modelport("build", "model.py", "-t", "lab/iris", cwd=tmp_path, PATH=f"{docker.parent}")
    assert done.returncode == 1
    assert (
        "docker: Cannot connect to the Docker daemon; podman: not installed; buildah: not installed"
        in done.stderr
    )
    assert "--only-context" in done.stderr
