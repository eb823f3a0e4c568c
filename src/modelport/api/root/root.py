"""The one-model API at the root: predictions of the only or the default model, in its dialect."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.calls import CallHandler
from modelport.api.endpoints.root import PREDICT_ROOT
from modelport.api.job_answers import JobAnswers
from modelport.api.job_submission import JobSubmission
from modelport.api.root.dialect import RootDialect
from modelport.api.root.long_predictions import LongPredictions
from modelport.api.root.model import RootModel
from modelport.api.root.predictions import Predictions
from modelport.api.taken import Taken


class Root:
    """What answers at the root, put together once for the application."""

    def __init__(
        self,
        dialect: RootDialect,
        calls: CallHandler,
        submission: JobSubmission,
        answers: JobAnswers,
        base_path: str,
    ):
        self.model = RootModel(calls.engine, calls.settings)
        self.path = f"{base_path}{PREDICT_ROOT.route}"
        self.long = LongPredictions(dialect, submission, answers, calls)
        self.predictions = Predictions(dialect, self.model, calls, self.long)

    async def predict(self, request: Request) -> Response:
        """`POST /predict`, where `taken` was not asked."""
        return Delegated(self.predictions.answer)

    def taken(self, path: str, method: str) -> Taken | None:
        """What answers at this path, if it is that of predictions; it does so whatever the method."""
        if path != self.path or method == "OPTIONS":
            return None
        return Taken(self.predictions.answer, self.predictions.form, self.model.name, PREDICT_ROOT.path)
