"""Versions that are model files: the file predicts, and the model's code still trains."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving import serving

CODE = """
from sklearn.linear_model import LinearRegression
import modelport

class Line(modelport.Model):
    def predict(self) -> float:
        return 0.0

    def train(self, slope: float) -> dict[str, float]:
        model = LinearRegression().fit([[0.0], [1.0]], [0.0, slope])
        modelport.current_job().save_model(model)
        return {"slope": slope}
"""


def test_a_model_whose_live_version_is_a_file_can_be_trained_again(tmp_path: Path) -> None:
    (tmp_path / "line.py").write_text(CODE)
    place = "/v2/models/line"
    with serving("line.py", cwd=tmp_path) as server:
        for number, slope in ((1, 2.0), (2, 3.0)):
            begun = server.client.post(f"{place}/train/", params={"slope": slope}).raise_for_status()
            server.client.get(f"{begun.headers['location']}/events").raise_for_status()
            body = {"version": number, "on_regression": "warn"}
            server.client.put(f"{place}/aliases/live", json=body).raise_for_status()

            def predict(x: float) -> float:
                body = server.client.post(f"{place}/predict/", json={"X": [[x]]}).raise_for_status().json()
                return round(body["predictions"][0], 6)

            with ThreadPoolExecutor(8) as threads:  # so that some are read and predicted together
                assert list(threads.map(predict, range(40))) == [x * slope for x in range(40)]
        refused = server.client.post(f"{place}/train/", params={"slope": "steep"})
        assert refused.status_code == 422
        assert server.client.get(f"{place}/performance").json() == {"performance": {"slope": 3.0}}
