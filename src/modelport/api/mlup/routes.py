"""The mlup API: what answers at the root, for the only or the default model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.calls import CallHandler
from modelport.api.endpoints.root import PREDICT_ROOT
from modelport.api.handed import Handed
from modelport.api.job_answers import JobAnswers
from modelport.api.job_submission import JobSubmission
from modelport.api.mlup.configuration import MlupConfiguration
from modelport.api.mlup.info import Info
from modelport.api.mlup.long_predictions import LongPredictions
from modelport.api.mlup.model import RootModel
from modelport.api.mlup.predictions import Predictions
from modelport.http.asgi import Receive, Scope, Send


class MlupApi:
    """Everything that the mlup API needs, put together once for the application."""

    def __init__(
        self,
        calls: CallHandler,
        submission: JobSubmission,
        answers: JobAnswers,
        base_path: str,
        configuration: MlupConfiguration | None,
    ):
        settings = calls.settings
        self.model = RootModel(calls.engine, settings)
        self.path = f"{base_path}{PREDICT_ROOT.route}"
        self.long = LongPredictions(submission, answers, calls, settings)
        self.predictions = Predictions(self.model, calls, self.long)
        self.info = Info(self.model, settings, configuration)

    async def predict(self, request: Request) -> Response:
        """`POST /predict`, where `predict_handler` was not asked."""
        return Handed(self.predictions.answer)

    def predict_handler(
        self, path: str, method: str
    ) -> Callable[[Scope, Receive, Send], Awaitable[None]] | None:
        """What answers at this path, if it is that of predictions; it does so whatever the method."""
        if path != self.path or method == "OPTIONS":
            return None
        return self.predictions.answer
