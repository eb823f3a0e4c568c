"""An experiment of MLflow with runs of every kind, made by `python mlflow_experiment.py`.

It prints the ids of the runs by their names, and of the logged model, as JSON.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

SOURCE = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": "abc123"}


def write() -> dict[str, Any]:
    import mlflow
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("tags")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tags").experiment_id
    found: dict[str, Any] = {"experiment": experiment}

    def finished(name: str, start: int, **tags: str) -> str:
        run = client.create_run(experiment, start_time=start, tags=SOURCE | tags, run_name=name)
        found[name] = run.info.run_id
        return run.info.run_id

    whole = finished("whole", 3000)
    params = {
        "seed": "7", "lr": "1e-05", "deep": "True", "version": "007", "share": "1.50", "none": "None",
        "odd": "nan", "huge": "36893488147419103232", "text": "two words",
    }  # fmt: skip
    for name, value in params.items():
        client.log_param(whole, name, value)
    for step, value in enumerate([0.1, 0.9, 0.7]):
        client.log_metric(whole, "overall.f1", value, step=step)
    client.log_metric(whole, "class/setosa/f1", 0.5)
    client.log_metric(whole, "loss", 0.25)
    client.log_metric(whole, "broken", float("nan"))
    with mlflow.start_run(run_id=whole):
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        mlflow.sklearn.log_model(model, name="first", pip_requirements=[])
        found["model"] = mlflow.sklearn.log_model(model, name="model", pip_requirements=[]).model_id
    client.set_terminated(whole, end_time=4000)

    flavors = {"python_function": {"python_version": "3.8.1"}}
    history = [{"run_id": "x", "artifact_path": "old/model", "flavors": flavors}]
    measured = finished("measured", 2000, **{"mlflow.log-model.history": json.dumps(history)})
    client.log_metric(measured, "f1", 0.1)
    document = '{"overall": {"f1": 0.8, "loss": NaN}, "class": {"a": {"f1": 1}}}'
    client.log_text(measured, document, "performance.json")
    client.set_terminated(measured, end_time=2500)

    damaged = finished("damaged", 1000, **{"mlflow.log-model.history": "{"})
    client.log_metric(damaged, "f1", 0.3)
    client.log_text(damaged, "{", "performance.json")
    client.set_terminated(damaged)

    finished("running", 5000)
    client.set_terminated(finished("failed", 5001), status="FAILED")
    client.set_terminated(finished("deleted", 5002))
    client.delete_run(found["deleted"])
    gone = client.create_experiment("gone")
    client.delete_experiment(gone)
    return found


def add_runs(database: Path, count: int) -> None:
    """Many copies of the run `measured`, written into the database itself: MLflow would take minutes."""
    with sqlite3.connect(database) as store:
        store.row_factory = sqlite3.Row
        first = dict(store.execute("select * from runs where name = 'measured'").fetchone())
        places = ", ".join("?" * len(first))
        for number in range(count):
            id = f"{number:032x}"
            row = first | {"run_uuid": id, "name": f"copy {number}", "start_time": number}
            store.execute(f"insert into runs ({', '.join(row)}) values ({places})", list(row.values()))
            store.execute("insert into params (run_uuid, key, value) values (?, 'n', ?)", (id, str(number)))
    store.close()


if __name__ == "__main__":
    print(json.dumps(write()))
