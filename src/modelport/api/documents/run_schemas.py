"""What the resources of runs and versions take and answer, as JSON Schema."""

from __future__ import annotations

from modelport.api.documents.schemas import Schema
from modelport.settings.declaring import words_of
from modelport.settings.settings import OnRegression


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _all(**properties: Schema) -> Schema:
    return _object(list(properties), **properties)


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _map_of(schema: Schema, words: str) -> Schema:
    return {"type": "object", "description": words, "additionalProperties": schema}


def _nullable(kind: str, words: str) -> Schema:
    return {"type": [kind, "null"], "description": words}


_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_CURSOR = _nullable("string", "For the next page")
_LINKS = _map_of(_TEXT, "Paths of what belongs to it")
_PERFORMANCE = _map_of({}, "How good it is, nested: overall, class, slices")
_VERSION: Schema = {**_COUNT, "description": "0 is the model as its source has it"}
_NAMED: Schema = {"type": ["integer", "string"], "description": "A version, by its number or an alias"}


def run_schemas() -> dict[str, Schema]:
    """The named schemas."""
    return {**_runs(), **_versions(), **_promotions(), **_traffic()}


def _runs() -> dict[str, Schema]:
    summary: dict[str, Schema] = {
        "run_id": _TEXT,
        "model": _TEXT,
        "version": _nullable("integer", "Of the model that it saved; null if it saved none"),
        "aliases": _TEXTS,
        "source": {**_TEXT, "description": "job for a training of this server"},
        "name": _TEXT,
        "started_at": _TIME,
        "finished_at": _TIME,
        "duration": _nullable("number", "Seconds"),
        "params": _map_of({}, "What it was trained with"),
        "metrics": _map_of(_NUMBER, "The last value of each"),
        "performance": _PERFORMANCE,
        "links": _LINKS,
    }
    return {
        "RunSummary": _all(**summary),
        "Run": _all(
            **summary,
            seed=_nullable("integer", "The seed among the parameters"),
            code_version={**_TEXT, "description": "The commit of the code, else the version of the model"},
            environment=_map_of({}, "Python, platform, packages and commit"),
        ),
        "Runs": _all(
            runs=_list_of("RunSummary"),
            order_by=_nullable("string", "Such as f1:max; null if the newest come first"),
            next_cursor=_CURSOR,
        ),
        "Params": _all(params=_map_of({}, "What the run was trained with")),
        "Param": _map_of({}, "The parameter under its own name"),
        "Performance": _map_of({}, "All of it under `performance`, or a part under its path"),
    }


def _versions() -> dict[str, Schema]:
    return {
        "ModelVersion": _all(
            version=_VERSION,
            run_id=_nullable("string", "The run that made it"),
            aliases=_TEXTS,
            loaded={"type": "boolean", "description": "Whether it has workers now"},
            created_at=_TIME,
            performance=_PERFORMANCE,
            links=_LINKS,
        ),
        "ModelVersions": _all(versions=_list_of("ModelVersion"), next_cursor=_CURSOR),
        "Aliases": _all(aliases=_map_of(_COUNT, "The version of each alias")),
        "Alias": _all(alias=_TEXT, version=_VERSION),
        "AliasMove": {
            **_object(
                ["version"],
                version=_NAMED,
                on_regression={
                    "type": ["string", "null"],
                    "enum": [*words_of(OnRegression), None],
                    "description": "For `live`: what a regression leads to",
                },
                min_agreement={
                    "type": ["number", "null"],
                    "minimum": 0,
                    "maximum": 1,
                    "description": "For `live`: the share of answers that must be the same",
                },
                max_latency_ratio={
                    "type": ["number", "null"],
                    "exclusiveMinimum": 0,
                    "description": "For `live`: how many times as long it may take",
                },
            ),
            "additionalProperties": False,
        },
        "AliasMoved": {"anyOf": [{"$ref": "#/$defs/Promoted"}, {"$ref": "#/$defs/Alias"}]},
    }


def _promotions() -> dict[str, Schema]:
    seconds = _nullable("number", "Median of a prediction")
    checks: Schema = {
        "type": ["object", "null"],
        "description": "How the version compared with the live one; null if nothing was compared",
        "properties": {
            **dict.fromkeys(("checked", "not_checked", "errors_before", "errors_after"), _COUNT),
            "new_errors": {**_COUNT, "description": "Requests that only the version failed"},
            "agreement": _nullable("number", "Share of the same answers, of those that both answered"),
            "seconds_before": seconds,
            "seconds_after": seconds,
            "first_error": _TEXT,
        },
    }
    kind: Schema = {"type": "string", "enum": ["promotion", "rollback"]}
    return {
        "PromotionReport": _all(kind=kind, checks=checks, regressions=_TEXTS, warnings=_TEXTS),
        "Promoted": _object(
            ["model", "version", "before", "changed"],
            model=_TEXT,
            version=_VERSION,
            before=_VERSION,
            changed={"type": "boolean", "description": "False if it was live already"},
            kind=kind,
            checks=checks,
            regressions=_TEXTS,
            warnings=_TEXTS,
        ),
        "PromotionRefused": {
            "allOf": [
                {"$ref": "#/$defs/Failure"},
                {"type": "object", "properties": {"report": {"$ref": "#/$defs/PromotionReport"}}},
            ]
        },
        "Promotion": _all(
            kind=kind,
            before=_VERSION,
            after=_VERSION,
            at=_TIME,
            checks=checks,
            regressions=_TEXTS,
            warnings=_TEXTS,
        ),
        "Promotions": _all(promotions=_list_of("Promotion")),
    }


def _traffic() -> dict[str, Schema]:
    share: Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
    compared: Schema = {
        "type": ["object", "null"],
        "description": "What came of the copies so far; null without a shadow",
        "properties": dict.fromkeys(("copied", "agreed", "differed", "failed", "dropped"), _COUNT),
    }
    return {
        "Traffic": _all(
            live=_VERSION,
            weights=_map_of(share, "The share of the calls, by version"),
            shadow=_nullable("integer", "The version that gets copies"),
            compared=compared,
        ),
        "TrafficPlan": {
            **_object(
                [],
                weights=_map_of(share, "The share of each version, by its number or an alias; at most 1"),
                shadow={**_NAMED, "type": ["integer", "string", "null"]},
            ),
            "additionalProperties": False,
        },
    }
