"""The versions of a model, their aliases, what is live, and how calls are spread over them."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL, STREAM_ENDED, STREAM_RULES
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data, with_body
from modelport.api.endpoints.statuses import CHANGED, FOUND, SENT, STORED
from modelport.api.resources.server import ModelReady
from modelport.api.resources.versions import (
    ALIAS_MOVED,
    Alias,
    Aliases,
    AliasMove,
    ModelVersions,
    OneVersion,
    Promoted,
    PromotionRefused,
    Promotions,
    Traffic,
    TrafficPlan,
)
from modelport.problems import PROBLEM_JSON

PREDICT, PROMOTE, READ = AccessScope.PREDICT, AccessScope.PROMOTE, AccessScope.READ
TAG = "model versions"  # "versions" is DEEPaaS's tag for those of the API
VERSION = f"{MODEL}/versions/{{version}}"
ALIAS = f"{MODEL}/aliases/{{alias}}"
TRAFFIC = f"{MODEL}/traffic"
REFUSED = Answer(
    "It is worse than the live version, another move is under way, or there are as many aliases as may be",
    PromotionRefused,
    PROBLEM_JSON,
)

PREDICT_VERSION = Endpoint(
    "POST", f"{VERSION}/predict/", lambda on: on.versions.predict, PREDICT,
    TAG, "version_predict", "Make a prediction by one version", calls="predict", parameters=(of.VERSION,),
)  # fmt: skip

VERSIONS = (
    Endpoint(
        "GET", f"{MODEL}/versions", lambda on: on.versions.list, READ,
        TAG, "model_versions", "List versions",
        {200: data("A page of versions, newest first", ModelVersions)}, STORED,
        parameters=(of.LIMIT, of.CURSOR),
    ),
    Endpoint(
        "GET", VERSION, lambda on: on.versions.version, READ,
        TAG, "model_version", "One version", {200: data("The version", OneVersion)}, STORED,
        parameters=(of.VERSION,),
    ),
    Endpoint(
        "GET", f"{VERSION}/ready", lambda on: on.versions.ready, READ,
        TAG, "version_ready", "Whether a version can answer without being loaded",
        {
            200: data("It can", ModelReady),
            503: data("It cannot: asking it loads it", ModelReady),
        },
        FOUND, parameters=(of.VERSION,), is_probe=True,
    ),
    PREDICT_VERSION,
    Endpoint(
        "GET", PREDICT_VERSION.path, PREDICT_VERSION.handler, PREDICT,
        TAG, "version_predict_stream", "Stream a prediction, for an EventSource", STREAM_ENDED,
        calls="predict", parameters=(of.VERSION,), description=STREAM_RULES,
    ),
    Endpoint(
        "GET", f"{MODEL}/aliases", lambda on: on.versions.aliases, READ,
        TAG, "aliases", "The version of each alias", {200: data("Every alias", Aliases)}, STORED,
    ),
    Endpoint(
        "GET", ALIAS, lambda on: on.versions.alias, READ,
        TAG, "alias", "The version of an alias", {200: data("The alias", Alias)}, STORED,
        parameters=(of.ALIAS,),
    ),
    Endpoint(
        "PUT", ALIAS, with_body(AliasMove, lambda on: on.versions.move), PROMOTE,
        TAG, "move_alias", "Move an alias; moving live makes the version live, if it passes the checks",
        {200: data("What was done; of live, with what the checks found", ALIAS_MOVED), 409: REFUSED},
        (*CHANGED, *SENT), parameters=(of.NEW_ALIAS,),
        action="aliases.move",
    ),
    Endpoint(
        "DELETE", ALIAS, lambda on: on.versions.remove, PROMOTE,
        TAG, "remove_alias", "Remove an alias", {204: Answer("It is removed")}, (*CHANGED, 409),
        parameters=(of.ALIAS,),
        action="aliases.remove",
    ),
    Endpoint(
        "POST", f"{MODEL}/rollback", lambda on: on.versions.roll_back, PROMOTE,
        TAG, "rollback", "Make the version live that was so before",
        {200: data("What was done", Promoted)}, (*CHANGED, 409),
        action="aliases.rollback",
    ),
    Endpoint(
        "GET", f"{MODEL}/promotions", lambda on: on.versions.promotions, READ,
        TAG, "promotions", "Every promotion and rollback, with what the checks found",
        {200: data("What became live, newest first", Promotions)}, STORED, parameters=(of.LIMIT,),
    ),
    Endpoint(
        "GET", TRAFFIC, lambda on: on.versions.traffic, READ,
        TAG, "traffic", "How calls are spread over versions",
        {200: data("How calls are spread", Traffic)}, STORED,
    ),
    Endpoint(
        "PUT", TRAFFIC, with_body(TrafficPlan, lambda on: on.versions.spread), PROMOTE,
        TAG, "spread_traffic", "Give versions a share of the calls, or copies of them",
        {200: data("How calls are spread", Traffic)}, (*CHANGED, *SENT),
        action="traffic.spread",
    ),
    Endpoint(
        "DELETE", TRAFFIC, lambda on: on.versions.spread_no_more, PROMOTE,
        TAG, "end_traffic", "Send all calls to the live version",
        {204: Answer("All calls go to the live version")}, CHANGED,
        action="traffic.end",
    ),
)  # fmt: skip
