"""Stand-ins for the `deepaas` modules that models import, where `deepaas` is not installed.

They are found last of all, so an installed `deepaas` always wins. Only what real model packages
import is here: the base class, `UploadedFile`, the log and the configuration. The processes that a model
starts find them by `for_children`, which is in the PYTHONPATH of workers.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from modelport.contract.uploaded_file import UploadedFile, with_old_methods


class BaseModel:
    """Base class of DEEPaaS models. A function that a subclass leaves out counts as absent."""

    schema: Any = None


class FirstBaseModel:
    """Base class of models of V1: it stood in `deepaas.model`, and later in `deepaas.model.v1`."""


def _configuration() -> SimpleNamespace:
    return SimpleNamespace(
        model_name=None,
        listen_ip="127.0.0.1",
        listen_port=5000,
        workers=1,
        debug=False,
        base_path="",
        warm=True,
    )


CONTENT: dict[str, dict[str, Any]] = {
    "deepaas": {"__version__": "2.6.0"},
    "deepaas.config": {"CONF": _configuration()},
    "deepaas.log": {
        "getLogger": logging.getLogger,
        "get_logger": logging.getLogger,
        "LOG": logging.getLogger("deepaas"),
    },
    "deepaas.model": {"BaseModel": FirstBaseModel},
    "deepaas.model.v1": {"BaseModel": FirstBaseModel},
    "deepaas.model.v2": {},
    "deepaas.model.v2.base": {"BaseModel": BaseModel},
    "deepaas.model.v2.wrapper": {"UploadedFile": UploadedFile},
}


class _StandIn(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in CONTENT:
            return None
        if fullname != "deepaas" and not _is_ours(sys.modules.get("deepaas")):
            return None  # a real deepaas without this module: let the import fail as it would
        packages = {name.rpartition(".")[0] for name in CONTENT}
        return ModuleSpec(fullname, self, is_package=fullname in packages)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(CONTENT[module.__name__])


def _is_ours(module: ModuleType | None) -> bool:
    spec = getattr(module, "__spec__", None)
    return spec is not None and isinstance(spec.loader, _StandIn)


def provide_deepaas_modules() -> None:
    """Make `import deepaas…` work in this process. Does nothing where it was done before."""
    _finder()


def stand_in() -> ModuleSpec:
    """Where the stand-in for `deepaas` itself comes from; its modules are found from now on."""
    return ModuleSpec("deepaas", _finder(), is_package=True)


def _finder() -> _StandIn:
    for finder in sys.meta_path:
        if isinstance(finder, _StandIn):
            return finder
    finder = _StandIn()
    sys.meta_path.append(finder)
    return finder


def let_errors_be_reasons() -> None:
    """Make `HTTPBadRequest(reason=error)` work, as DEEPaaS's upgrade notes write it: aiohttp wants text.

    Does nothing where aiohttp is not loaded, or where it was done before.
    """
    exceptions: Any = sys.modules.get("aiohttp.web_exceptions")
    if exceptions is None or hasattr(exceptions.HTTPException, "modelport_takes_errors"):
        return
    plain_init = exceptions.HTTPException.__init__

    def init(self: Any, *arguments: Any, **keywords: Any) -> None:
        reason = keywords.get("reason")
        if isinstance(reason, BaseException):
            keywords["reason"] = " ".join(str(reason).split()) or type(reason).__name__
        plain_init(self, *arguments, **keywords)

    exceptions.HTTPException.__init__ = init
    exceptions.HTTPException.modelport_takes_errors = True


def uploaded_file_class() -> type[Any]:
    """The `UploadedFile` that the loaded model knows: the real one where the real deepaas is in use.

    Either has the methods of V1's files.
    """
    wrapper = sys.modules.get("deepaas.model.v2.wrapper")
    return with_old_methods(getattr(wrapper, "UploadedFile", UploadedFile))
