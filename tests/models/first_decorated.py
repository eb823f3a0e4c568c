"""A model of V1 as templates of that time had it: all functions decorated, and a helper called predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from first_helper import predict
from werkzeug.exceptions import BadRequest


def catch_error(f: Callable[..., Any]) -> Callable[..., Any]:
    def wrap(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except Exception as error:
            raise BadRequest(str(error)) from error

    return wrap


@catch_error
def get_train_args() -> dict[str, Any]:
    return {"epochs": {"default": "1", "help": "", "required": False}}


@catch_error
def predict_data(args: dict[str, Any]) -> Any:
    return predict(args["files"])


@catch_error
def predict_url(args: dict[str, Any]) -> Any:
    raise ValueError(f"nobody answers at {args['urls'][0]}")


@catch_error
def train(args: dict[str, Any]) -> Any:
    return args
