"""The DEEPaaS V2 interface of the model, as its documentation asks for it.

https://docs.deepaas.ai-platform.eu — "Integrating a model into the V2 API".
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import marshmallow
from aiohttp import web
from deepaas.model.v2.wrapper import UploadedFile
from webargs import fields, validate

from digits_model import __version__, classifier, drawing
from digits_model.picture import NotADigit, grid, open_picture

JSON, PNG, ZIP = "application/json", "image/png", "application/zip"


class Prediction(marshmallow.Schema):
    """One label with its probability."""

    label = fields.Str(required=True, description="The digit, 0 to 9")
    probability = fields.Float(required=True, validate=validate.Range(0, 1))


class Response(marshmallow.Schema):
    """The JSON answer: the most likely label first."""

    status = fields.Str(required=True, description="OK")
    predictions = fields.List(fields.Nested(Prediction), required=True)


schema = Response


def get_metadata() -> dict[str, Any]:
    return {
        "name": "digits",
        "version": __version__,
        "author": "The modelport authors",
        "license": "Apache-2.0",
        "url": "https://github.com/modelport/modelport/tree/main/examples/digits",
        "description": "Reads one handwritten digit. A support vector machine, trained on the 8x8 digits "
        "of scikit-learn (UCI Optical Recognition of Handwritten Digits).",
    }


def warm() -> None:
    """Load the classifier; the first start trains it, which takes some seconds."""
    classifier.current()


def get_predict_args() -> dict[str, fields.Field]:
    return {
        "image": fields.Field(
            required=True,
            type="file",
            location="form",
            description="A picture of one handwritten digit, of any size, dark on light or light on dark",
        ),
        "top": fields.Int(
            missing=10,
            validate=validate.Range(1, 10),
            description="How many labels, the likeliest first",
        ),
        "accept": fields.Str(
            missing=JSON,
            validate=validate.OneOf([JSON, PNG, ZIP]),
            description="Labels with probabilities, an annotated picture, or a zip of both",
        ),
    }


def predict(image: UploadedFile, top: int, accept: str) -> dict[str, Any] | io.BytesIO:
    try:
        picture = open_picture(image.filename)
        cells = grid(picture)
    except NotADigit as error:
        raise web.HTTPBadRequest(reason=str(error)) from error
    probabilities = dict(zip(classifier.LABELS, classifier.current().probabilities(cells), strict=True))
    answer = _answer(probabilities, top)
    if accept == JSON:
        return answer
    png = drawing.annotated(picture, cells, probabilities)
    return io.BytesIO(png if accept == PNG else _zipped(answer, png))


def _answer(probabilities: dict[str, float], top: int) -> dict[str, Any]:
    ordered = sorted(probabilities.items(), key=lambda entry: entry[1], reverse=True)
    return {"status": "OK", "predictions": [{"label": label, "probability": p} for label, p in ordered[:top]]}


def _zipped(answer: dict[str, Any], png: bytes) -> bytes:
    encoded = io.BytesIO()
    with zipfile.ZipFile(encoded, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prediction.json", json.dumps(answer, indent=2) + "\n")
        archive.writestr("annotated.png", png, zipfile.ZIP_STORED)
    return encoded.getvalue()


def get_train_args() -> dict[str, fields.Field]:
    return {
        "C": fields.Float(
            missing=10.0,
            validate=validate.Range(0, 1e6, min_inclusive=False),
            description="Penalty of the support vector machine: higher fits the training data closer",
        ),
        "gamma": fields.Float(
            missing=0.001,
            validate=validate.Range(0, 10, min_inclusive=False),
            description="Width of the kernel: higher reaches less far",
        ),
        "test_size": fields.Float(
            missing=classifier.HOLD_OUT,
            validate=validate.Range(0.05, 0.5),
            description="The fraction of the data that is held out to measure the accuracy",
        ),
        "save": fields.Bool(
            missing=False, description="Keep what was trained: workers that start from now on predict with it"
        ),
    }


def train(C: float, gamma: float, test_size: float, save: bool) -> dict[str, Any]:
    print(f"training with C={C:g}, gamma={gamma:g}, {test_size:.0%} held out")
    trained = classifier.train(C, gamma, test_size)
    print(f"accuracy {trained.accuracy:.4f} on {trained.test_size} pictures held out")
    return {
        "accuracy": trained.accuracy,
        "train_size": trained.train_size,
        "test_size": trained.test_size,
        "parameters": trained.parameters,
        "saved": str(classifier.save(trained)) if save else None,
    }
