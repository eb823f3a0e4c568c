"""A tracking store of MLflow with models in it, and what the frameworks themselves answer.

    python mlflow_store.py FOLDER [file]

makes it in FOLDER: in a database, or in files. It prints the URI of each model and its answers, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.1, 5.6, 2.4], [6.0, 2.9, 4.5, 1.5]]
NARROW = [[0.1, 0.2], [0.3, 0.4]]
ORDERS = [
    {"price": 1.5, "count": 2, "day": "2024-02-28", "note": "x"},
    {"price": 2.25, "count": 3, "day": "2024-12-31T12:00:00", "note": "y"},
]


def made_store(folder: Path, kind: str = "database") -> dict[str, Any]:
    """Make the store by a process of its own: MLflow's warnings are not those of the tests."""
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "PYTHONWARNINGS": "ignore",
    }
    ended = subprocess.run(
        [sys.executable, __file__, str(folder), kind],
        env=os.environ | quiet | {"MLFLOW_TRACKING_URI": tracking_uri(folder, kind)},
        cwd=folder, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def tracking_uri(folder: Path, kind: str = "database") -> str:
    return f"sqlite:///{folder / 'mlflow.db'}" if kind == "database" else f"file:{folder / 'mlruns'}"


def write(kind: str) -> dict[str, Any]:
    import mlflow

    mlflow.set_experiment("models")
    found: dict[str, Any] = {}
    with mlflow.start_run() as run:
        found["run"] = run.info.run_id
        found["flowers"] = _flowers(mlflow)
        if kind == "database":
            found |= {"narrow": _narrow(mlflow), "boosted": _boosted(mlflow), "exported": _exported(mlflow)}
            found |= {"orders": _orders(mlflow), "tensors": _tensors(mlflow), "words": _words(mlflow)}
            found["unsigned"] = _unsigned(mlflow)
    return found


def _logged(mlflow: Any, flavor: str, name: str, model: Any, **said: Any) -> dict[str, Any]:
    given = [] if model is None else [model]
    info = getattr(mlflow, flavor).log_model(*given, name=name, pip_requirements=[], **said)
    return {"uri": info.model_uri}


def _flowers(mlflow: Any) -> dict[str, Any]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    data: Any = load_iris(as_frame=True)
    signature = mlflow.models.infer_signature(data.data, data.target.to_numpy())
    said = {"signature": signature, "registered_model_name": "iris flowers"}
    first = LogisticRegression(max_iter=500).fit(data.data, data.target)
    found = _logged(mlflow, "sklearn", "flowers", first, **said)
    second = LogisticRegression(max_iter=500, C=0.01).fit(data.data, data.target)
    _logged(mlflow, "sklearn", "strong", second, **said)
    mlflow.MlflowClient().set_registered_model_alias("iris flowers", "champion", "1")
    _logged(mlflow, "sklearn", "pickled", first, signature=signature, serialization_format="cloudpickle")
    _logged(mlflow, "sklearn", "likely", first, signature=signature, pyfunc_predict_fn="predict_proba")
    frame = data.data.iloc[:0].copy()
    for row in ROWS:
        frame.loc[len(frame)] = row
    return found | {
        "columns": list(data.data.columns),
        "predictions": first.predict(frame).tolist(),
        "second": second.predict_proba(frame).tolist(),
        "probabilities": first.predict_proba(frame).tolist(),
    }


def _narrow(mlflow: Any) -> dict[str, Any]:
    """A model of 32 bits, whose answers differ from those to numbers of 64."""
    import numpy
    from sklearn.preprocessing import StandardScaler

    rows = numpy.array([*NARROW, [0.7, 0.9]], dtype="float32")
    model = StandardScaler().fit(rows)
    found = _logged(mlflow, "sklearn", "narrow", model, signature=mlflow.models.infer_signature(rows))
    narrow, wide = (
        model.transform(numpy.array(NARROW, dtype=kind)).tolist() for kind in ("float32", "float64")
    )
    return found | {"predictions": narrow, "wide": wide}


def _boosted(mlflow: Any) -> dict[str, Any]:
    import numpy
    import xgboost

    rows = numpy.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    model = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(rows, (rows[:, 0] > 0).astype(int))
    found = _logged(mlflow, "xgboost", "boosted", model, signature=mlflow.models.infer_signature(rows))
    return found | {"probabilities": model.predict_proba(numpy.array(ROWS)).tolist()}


def _exported(mlflow: Any) -> dict[str, Any]:
    import onnx
    import onnx_models

    path = Path("sums.onnx")
    onnx_models.two_in_two_out(path)
    return _logged(mlflow, "onnx", "exported", onnx.load(path))


def _orders(mlflow: Any) -> dict[str, Any]:
    """A model of its own, with columns of every kind and parameters."""
    import pandas
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    columns = [
        ColSpec("double", "price"), ColSpec("integer", "count"), ColSpec("datetime", "day"),
        ColSpec("string", "note", required=False),
    ]  # fmt: skip
    params = [ParamSpec("rate", "double", 0.5), ParamSpec("label", "string", "total"),
              ParamSpec("steps", "long", [1, 2], (-1,))]  # fmt: skip
    signature = mlflow.models.ModelSignature(Schema(columns), params=ParamSchema(params))

    class Orders(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            kinds = ",".join(f"{name}:{kind}" for name, kind in model_input.dtypes.items())
            total = model_input["price"] * model_input["count"] * params["rate"] + sum(params["steps"])
            return pandas.DataFrame(
                {params["label"]: total, "month": model_input["day"].dt.month, "k": kinds}
            )

    return _logged(mlflow, "pyfunc", "orders", None, python_model=Orders(), signature=signature)


def _tensors(mlflow: Any) -> dict[str, Any]:
    import numpy
    from mlflow.types import Schema, TensorSpec

    specs = [TensorSpec(numpy.dtype("float32"), (-1, 2), "a"), TensorSpec(numpy.dtype("int64"), (-1,), "b")]

    class Tensors(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["a"].sum(axis=1) * model_input["b"]

    signature = mlflow.models.ModelSignature(Schema(specs))
    return _logged(mlflow, "pyfunc", "tensors", None, python_model=Tensors(), signature=signature)


def _words(mlflow: Any) -> dict[str, Any]:
    class Words(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str], params: Any = None) -> list[str]:
            return [text.upper() for text in model_input]

    return _logged(mlflow, "pyfunc", "words", None, python_model=Words())


def _unsigned(mlflow: Any) -> dict[str, Any]:
    class Unsigned(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [type(model_input).__name__, list(getattr(model_input, "columns", []))]

    return _logged(mlflow, "pyfunc", "unsigned", None, python_model=Unsigned())


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    print(json.dumps(write(sys.argv[2])))
