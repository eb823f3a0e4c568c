"""A model whose answers have dates, missing values and names of columns of every kind; it trains, too."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd

import modelport

VALUES: dict[str, Any] = {
    "py": lambda: datetime.datetime(2024, 1, 2, 3, 4, 5),
    "ns": lambda: np.array(["2024-01-02T03:04:05", "NaT"], dtype="datetime64[ns]"),
    "day": lambda: np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"),
    "frame": lambda: pd.DataFrame({"t": pd.to_datetime(["2024-01-02", None]), "read": [1, 2]}),
    "nat": lambda: pd.NaT,
    "na": lambda: pd.NA,
    "twice": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "multi": lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
    "keys": lambda: {1: "a", "1": "b"},
    "object": lambda: [object()],
    "moments": lambda: [pd.Timestamp("2024-01-02"), pd.NaT],
    "maybe": lambda: pd.NaT,
    "open": lambda: {"t": pd.Timestamp("2024-01-02"), "m": np.ma.masked, "n": {np.int64(1): pd.Timedelta(5)}},
}


class Dated(modelport.Model):
    """Answers with the value of a name."""

    def predict(self, key: str):
        return VALUES[key]()

    def train(self, what: str = "dict"):
        job = modelport.current_job()
        job.log_metric("loss", pd.NA)
        job.log_performance({"overall": {"f1": np.float32(0.5), "at": pd.Timestamp("2024-01-02"), 1: pd.NA}})
        return object() if what == "object" else {"until": np.datetime64("2024-01-02", "ns"), "score": pd.NA}


class Moments(Dated):
    """The same, declared."""

    def predict(self, key: str) -> list[datetime.datetime | None]:
        return VALUES[key]()


class Maybe(Dated):
    """The same, declared."""

    def predict(self, key: str) -> datetime.datetime | None:
        return VALUES[key]()


class Open(Dated):
    """The same, half declared."""

    def predict(self, key: str) -> dict[Any, Any]:
        return VALUES[key]()


model = Dated()
