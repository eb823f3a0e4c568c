"""What is known of how a model is doing: feedback, drift, and the payload log that they are made of."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Endpoint, data, with_body
from modelport.api.endpoints.statuses import CHANGED, SENT, STORED
from modelport.api.resources.monitoring import GivenFeedback, KeptFeedback, PrunedPayloads
from modelport.monitoring.reports import Report

TAG = "monitoring"

MONITORING = (
    Endpoint(
        "POST", f"{MODEL}/feedback", with_body(GivenFeedback, lambda on: on.monitoring.feedback),
        AccessScope.PREDICT, TAG, "feedback", "Tell what answers should have been",
        {200: data("What is kept", KeptFeedback)}, (*CHANGED, *SENT),
    ),
    Endpoint(
        "GET", f"{MODEL}/monitoring", lambda on: on.monitoring.report, AccessScope.READ,
        TAG, "monitoring", "How inputs and answers have drifted, and how right answers were",
        {200: data("A report of each version", Report)}, STORED, parameters=of.OF_REPORT,
    ),
    Endpoint(
        "DELETE", f"{MODEL}/payloads", lambda on: on.monitoring.prune, AccessScope.ADMIN,
        TAG, "prune_payloads", "Remove what the payload log has of a model",
        {200: data("What was removed", PrunedPayloads)}, CHANGED, parameters=(of.OLDER_THAN,),
        action="payloads.prune",
    ),
)  # fmt: skip
