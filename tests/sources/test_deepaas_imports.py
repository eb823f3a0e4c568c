"""What models import from `deepaas`: ours where it is not installed, the real one where it is."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

from serving import MODELS, ROOT, serving

ABSENT = """
import importlib
import logging
from collections import namedtuple

import deepaas
import deepaas.model.v2.wrapper
from deepaas import config, log
from deepaas.config import CONF
from deepaas.log import getLogger
from deepaas.model.v2 import base
from deepaas.model.v2.base import BaseModel
from deepaas.model.v2.wrapper import UploadedFile

LOG = log.getLogger(__name__)

class Imports(BaseModel):
    def __init__(self):
        super().__init__()

    def predict(self):
        LOG.warning("a word in the log")
        missing = None
        try:
            importlib.import_module("deepaas.no_such_module")
        except ImportError as error:
            missing = type(error).__name__
        return {
            "fields": list(UploadedFile._fields),
            "empty": list(UploadedFile()),
            "same": UploadedFile is deepaas.model.v2.wrapper.UploadedFile and BaseModel is base.BaseModel,
            "schema": BaseModel.schema,
            "base_path": CONF.base_path,
            "logger": isinstance(LOG, logging.Logger),
            "version": deepaas.__version__,
            "missing": missing,
        }
"""
REAL_WRAPPER = """
import collections

UploadedFile = collections.namedtuple(
    "UploadedFile", ("name", "filename", "content_type", "original_filename"), defaults=(None,) * 4
)
"""
REAL_BASE = '''
import abc

class BaseModel(abc.ABC):
    """The real one, for all that a model can tell."""

    real = True
    schema = None

    @abc.abstractmethod
    def predict(self, **kwargs):
        raise NotImplementedError()
'''
PRESENT = """
import importlib

import deepaas
from deepaas.model.v2.base import BaseModel
from deepaas.model.v2.wrapper import UploadedFile
from webargs import fields

class Present(BaseModel):
    def get_predict_args(self):
        return {"data": fields.Field(required=True, location="form", type="file")}

    def predict(self, data):
        missing = None
        try:
            importlib.import_module("deepaas.log")
        except ImportError:
            missing = "log"
        with open(data.filename) as file:
            content = file.read()
        real = isinstance(data, UploadedFile) and BaseModel.real
        return [deepaas.__version__, real, content, data.original_filename, missing]
"""
TYPED = """
from deepaas.model.v2.wrapper import UploadedFile
import modelport

class Typed(modelport.Model):
    def predict(self, file: modelport.File, table: modelport.Table) -> list[str]:
        return [UploadedFile.__module__, file.read().decode(), str(table.columns)]
"""


def path_of(folder: Path) -> str:
    return os.pathsep.join(map(str, [folder, MODELS, ROOT / "src"]))


def test_the_imports_of_real_packages_work_without_deepaas(tmp_path: Path) -> None:
    installed = {found.metadata["Name"] for found in importlib.metadata.distributions()}
    assert "deepaas" not in installed, "this test is about an environment without deepaas"
    (tmp_path / "imports.py").write_text(ABSENT)
    with serving("imports:Imports", PYTHONPATH=path_of(tmp_path)) as server:
        answer = server.client.post("/v2/models/imports/predict/")
        assert answer.json()["predictions"] == {
            "fields": ["name", "filename", "content_type", "original_filename"],
            "empty": [None, None, None, None],
            "same": True,
            "schema": None,
            "base_path": "",
            "logger": True,
            "version": "2.6.0",
            "missing": "ModuleNotFoundError",
        }


def test_a_real_deepaas_is_used_and_left_alone(tmp_path: Path) -> None:
    package = tmp_path / "deepaas" / "model" / "v2"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").write_text("__version__ = 'real'\n")
    (package / "wrapper.py").write_text(REAL_WRAPPER)
    (package / "base.py").write_text(REAL_BASE)
    (tmp_path / "present.py").write_text(PRESENT)
    (tmp_path / "typed_present.py").write_text(TYPED)
    sources = ("present:Present", "typed_present:Typed")
    with serving(*sources, PYTHONPATH=path_of(tmp_path)) as server:
        upload = ("a.txt", b"text")
        answer = server.client.post("/v2/models/present/predict/", files={"data": upload})
        assert answer.json()["predictions"] == ["real", True, "text", "a.txt", "log"]
        assert server.client.post("/v2/models/present/predict/", data={"data": "text"}).status_code == 422
        files = {"file": upload, "table": ("t.csv", b"a\n1")}
        answer = server.client.post("/v2/models/typed_present/predict/", files=files)
        assert answer.json() == ["deepaas.model.v2.wrapper", "text", "['a']"]
