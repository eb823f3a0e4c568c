"""The DEEPaaS V2 interface of the model, as its documentation asks for it.

https://docs.deepaas.ai-platform.eu — "Integrating a model into the V2 API".
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import marshmallow
from aiohttp import web
from deepaas.model.v2.wrapper import UploadedFile
from marshmallow.validate import OneOf, Range
from webargs import fields

from digits_model import __version__, classifier, confusion, drawing, training
from digits_model.job import current_job
from digits_model.picture import NotADigit, grid, open_picture

JSON, PNG, ZIP = "application/json", "image/png", "application/zip"
DEFAULTS = training.Options()
resumable = True  # modelport may run a training again whose process was lost: it goes on from its last epoch


class Prediction(marshmallow.Schema):
    """One label with its probability."""

    label = fields.Str(required=True, description="The digit, 0 to 9")
    probability = fields.Float(required=True, validate=Range(0, 1))


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
        "description": "Reads one handwritten digit. A small neural network, trained on the 8x8 digits "
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
            validate=Range(1, 10),
            description="How many labels, the likeliest first",
        ),
        "accept": fields.Str(
            missing=JSON,
            validate=OneOf([JSON, PNG, ZIP]),
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
        "epochs": fields.Int(
            missing=DEFAULTS.epochs,
            validate=Range(1, 1000),
            description="How often the network sees all of the data",
        ),
        "hidden_units": fields.Int(
            missing=DEFAULTS.hidden_units,
            validate=Range(1, 1024),
            description="How large the network is",
        ),
        "learning_rate": fields.Float(
            missing=DEFAULTS.learning_rate,
            validate=Range(0, 1, min_inclusive=False),
            description="How far each step goes",
        ),
        "batch_size": fields.Int(
            missing=DEFAULTS.batch_size,
            validate=Range(1, 4096),
            description="How many pictures a step learns from",
        ),
        "test_size": fields.Float(
            missing=DEFAULTS.test_size,
            validate=Range(0.05, 0.5),
            description="The fraction of the data that is held out to measure the accuracy",
        ),
        "save": fields.Bool(missing=False, description="Predict with what was trained, from now on"),
    }


def train(save: bool, **options: Any) -> dict[str, Any] | None:
    """Train a new classifier; `None` if it was called off."""
    job = current_job()
    chosen = training.Options(**options)
    data = training.prepared(chosen.test_size)
    state = training.train(chosen, data, job)
    if state.epoch < chosen.epochs:
        print(f"called off after epoch {state.epoch}; nothing is saved", flush=True)
        return None
    with tempfile.TemporaryDirectory() as folder:
        for file in confusion.write(training.matrix_of(state, data), classifier.LABELS, Path(folder)):
            job.artifact(file)
    trained = classifier.finished(state, data)
    if save:
        classifier.save(trained)
    return _described(trained) | {"saved": save}


def validate() -> dict[str, Any]:
    """Measure the classifier in use on pictures that it has never seen."""
    used = classifier.current()
    data = training.prepared(used.parameters["test_size"])
    accuracy = float(used.estimator.score(data.test_grids, data.test_labels))
    current_job().log_metrics({"accuracy": accuracy})
    return _described(used) | {"accuracy": accuracy}


def _described(trained: classifier.Trained) -> dict[str, Any]:
    return {
        "version": trained.version,
        "accuracy": trained.accuracy,
        "train_size": trained.train_size,
        "test_size": trained.test_size,
        "parameters": trained.parameters,
    }
