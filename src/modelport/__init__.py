"""modelport: any Python model, one durable HTTP API.

Names are imported when they are first used, so that `import modelport` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelport.client.async_client import AsyncClient
    from modelport.client.sync_client import Client
    from modelport.contract.current_call import current_call
    from modelport.contract.current_job import current_job
    from modelport.contract.current_worker import current_worker
    from modelport.contract.errors import HTTPError, ModelError, ModelLoadError
    from modelport.contract.kinds import File, Image
    from modelport.contract.messages import Message
    from modelport.contract.model import Model
    from modelport.contract.table import Table
    from modelport.contract.uploaded_file import UploadedFile
    from modelport.contract.written import Piece, ToolCall, Usage
    from modelport.serving.application import create_app
    from modelport.serving.background import running
    from modelport.serving.blocking import serve
    from modelport.worker.asked_model import model

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "File",
    "HTTPError",
    "Image",
    "Message",
    "Model",
    "ModelError",
    "ModelLoadError",
    "Piece",
    "Table",
    "ToolCall",
    "UploadedFile",
    "Usage",
    "__version__",
    "create_app",
    "current_call",
    "current_job",
    "current_worker",
    "model",
    "running",
    "serve",
]

_HOMES = {
    "AsyncClient": "modelport.client.async_client",
    "Client": "modelport.client.sync_client",
    "File": "modelport.contract.kinds",
    "HTTPError": "modelport.contract.errors",
    "Image": "modelport.contract.kinds",
    "Message": "modelport.contract.messages",
    "Model": "modelport.contract.model",
    "ModelError": "modelport.contract.errors",
    "ModelLoadError": "modelport.contract.errors",
    "Piece": "modelport.contract.written",
    "Table": "modelport.contract.table",
    "ToolCall": "modelport.contract.written",
    "UploadedFile": "modelport.contract.uploaded_file",
    "Usage": "modelport.contract.written",
    "create_app": "modelport.serving.application",
    "current_call": "modelport.contract.current_call",
    "current_job": "modelport.contract.current_job",
    "current_worker": "modelport.contract.current_worker",
    "model": "modelport.worker.asked_model",
    "running": "modelport.serving.background",
    "serve": "modelport.serving.blocking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelport' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
