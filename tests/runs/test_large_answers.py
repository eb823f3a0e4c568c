"""Answers so large that they travel as files are compared like any other before a version is live."""

from __future__ import annotations

from pathlib import Path

from serving import serving
from version_site import promote, promoted, refused, train

MODEL = '''
from pathlib import Path

import modelport


class Long(modelport.Model):
    """Says one letter two million times; its trainings choose the letter."""

    def __init__(self) -> None:
        self.letter = "a"

    def load_model(self, path: Path) -> None:
        self.letter = path.read_text()

    def predict(self, times: int = 2_000_000) -> str:
        return self.letter * times

    def train(self, letter: str) -> dict[str, str]:
        job = modelport.current_job()
        path = job.checkpoint_dir / "letter.txt"
        path.write_text(letter)
        job.save_model(path)
        return {}
'''


def test_large_answers_agree_only_if_they_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(MODEL)
    with serving("m=long.py", cwd=tmp_path, MODELPORT_SPOOL_DIR=str(tmp_path / "spool")) as server:
        client = server.client
        train(client, letter="a")
        train(client, letter="b")
        assert len(client.post("/v2/models/m/predict/", json={}).content) > 2_000_000
        words = refused(promote(client, 2, min_agreement=1), 409)
        assert "it agrees with the live version in 0%, not 100%" in words
        assert promoted(client, 1, min_agreement=1)["checks"]["agreement"] == 1.0
        (spool,) = (tmp_path / "spool").iterdir()
        assert list(spool.rglob("answer-*")) == []
