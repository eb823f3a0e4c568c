"""The resources of runs, as both documents list them: for each model, and at the root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelport.api.documents.definitions import identifier
from modelport.api.documents.mlup_paths import RootApi, predict_answers
from modelport.api.documents.resource import ARGUMENT_RULES, CURSOR_SCHEMA, Answer, Plain, Resource
from modelport.api.documents.resources import CALL, DISABLED, MODEL, PROBLEM
from modelport.contract.signature import JSON, Signature

TAG = "runs"
READ = tuple(sorted({*MODEL, 503}))
WRITE = tuple(sorted({*READ, 507}))
INVALID: Answer = ("Something in the query or the body does not fit", PROBLEM, "Failure")
RUN_ID = Plain("run_id", "path", "The run's id, or best or live", {"type": "string"})
OF_RUN = Plain("run_id", "query", "Another run than the live one", {"type": "string"})
CURSOR = Plain("cursor", "query", "The next_cursor of the page before", CURSOR_SCHEMA)
LIST_QUERY = (
    Plain("top", "query", "At most so many", {"type": "integer", "minimum": 1, "maximum": 1000}),
    Plain("order_by", "query", "NAME, NAME:max, NAME:min or newest", {"type": "string"}),
    CURSOR,
)
FILTER = Plain("filter", "query", "A part of it, such as overall or class.cat", {"type": "string"})
PARAM = Plain("param", "path", "The parameter's name", {"type": "string"})


def runs(signature: Signature, path: str, predict: bool) -> Iterable[Resource]:
    """The runs of one model, below `path`. `predict` is false where predictions are switched off."""
    name = f"_{identifier(signature.name)}"
    yield from _about_runs(path, name)
    yield Resource(
        f"{path}/runs/{{run_id}}/predict",
        "post",
        TAG,
        "Make a prediction by the model that a run has saved",
        f"run_predict{name}",
        tuple(sorted({*(CALL if predict else DISABLED), 409})),
        {},
        description=ARGUMENT_RULES if signature.predict.arguments else "",
        signature=signature,
        operation=signature.predict,
        succeeds=predict and signature.predict.implemented,
        may_be_job=predict and signature.predict.implemented,
        plain=(RUN_ID,),
    )


def root_runs(base: str, root: RootApi, signatures: Sequence[Signature], predict: bool) -> Iterable[Resource]:
    """The runs of the default model, at the root; nothing if there is none."""
    model = next((signature for signature in signatures if signature.name == root.model), None)
    if model is None:
        return
    yield from _about_runs(base, "")
    early = (402, 403, 421) if predict else (200, 402, 403, 421)  # answered before it is the dialect's turn
    own = predict_answers(root._replace(is_long=False))  # a run answers at once
    answers = {status: answer for status, answer in own.items() if status not in early}
    yield Resource(
        f"{base}/runs/{{run_id}}/predict",
        "post",
        TAG,
        "Make a prediction by the model that a run has saved",
        "run_predict",
        tuple(sorted({*READ, 402, 409, 504})),
        answers,
        signature=model,
        operation=model.predict,
        plain=(RUN_ID,),
    )


def _about_runs(path: str, name: str) -> Iterable[Resource]:
    """What can be read of runs, and their removal."""

    def get(place: str, words: str, operation: str, answer: Answer, *plain: Plain) -> Resource:
        answers: dict[int, Answer] = {200: answer, 422: INVALID}
        return Resource(f"{path}/{place}", "get", TAG, words, operation + name, READ, answers, plain=plain)

    page: Answer = ("A page of runs, the best first if there is an order, else the newest", JSON, "Runs")
    yield get("runs", "List runs", "runs", page, *LIST_QUERY)
    yield get("runs/{run_id}", "One run", "run", ("The run", JSON, "Run"), RUN_ID)
    yield Resource(
        f"{path}/runs/{{run_id}}",
        "delete",
        TAG,
        "Forget a run that nothing serves",
        f"remove_run{name}",
        tuple(sorted({*WRITE, 409})),
        {204: ("It is forgotten", None, None), 422: INVALID},
        plain=(RUN_ID,),
    )
    params: Answer = ("The parameters", JSON, "Params")
    yield get("params", "The parameters of a run", "params", params, OF_RUN)
    param: Answer = ("The parameter", JSON, "Param")
    yield get("params/{param}", "One parameter of a run", "param", param, PARAM, OF_RUN)
    performance: Answer = ("The performance, or a part of it", JSON, "Performance")
    yield get("performance", "How good a run is", "performance", performance, FILTER, OF_RUN)
