"""The shortest way through the whole house."""

from __future__ import annotations

from pathlib import Path

from serving import serving


def test_a_model_file_is_served(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("def predict(**kwargs):\n    return {'hello': 'world'}\n")
    with serving(str(tmp_path / "hello.py")) as server:
        answer = server.client.post("/v2/models/hello/predict")
    assert answer.status_code == 200
    assert answer.json() == {"status": "OK", "predictions": {"hello": "world"}}
