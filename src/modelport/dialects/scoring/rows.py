"""What is sent to be predicted, and how it becomes the arguments of a model.

- `instances` are rows, one for each prediction; `inputs` are the same, or each input by its name.
- `dataframe_split` has `columns` and `data`, `dataframe_records` an object for each row.
- `params` are further arguments.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.errors import BadRequest
from modelport.contract.signature import Argument, Signature

FORMS = ("instances", "inputs", "dataframe_split", "dataframe_records")
SIGNATURE_NAME = "serving_default"  # TensorFlow Serving's name of the one that a model has
SHOWN = 100  # characters of a name in a message


class Sent(msgspec.Struct):
    """What a request says: in which of the forms, the value, and what else the model is given."""

    form: str
    value: Any
    parameters: dict[str, Any]

    @property
    def is_one(self) -> bool:
        """Whether it is one instance."""
        return self.form == "instances" and _count(self.value) == 1


def _count(value: Any) -> int:
    """How many items a list has; 0 for what is none."""
    return len(cast("list[Any]", value)) if isinstance(value, list) else 0


def sent_of(body: Any) -> Sent:
    """What the JSON of a request says. Raises `BadRequest`."""
    if not isinstance(body, dict):
        raise BadRequest(f"the body is no JSON object: send one with {', '.join(FORMS)}")
    fields = cast("dict[str, Any]", body)
    unknown = fields.keys() - {*FORMS, "params", "parameters", "signature_name"}
    if unknown:
        raise BadRequest(f"{sorted(unknown)[0][:SHOWN]!r} is unknown; arguments stand in params", 422)
    forms = [name for name in FORMS if name in fields]
    if len(forms) != 1:
        said = f"{' and '.join(forms)} are there" if forms else "none of them is there"
        raise BadRequest(f"send one of {', '.join(FORMS)}: {said}")
    if fields.get("signature_name", SIGNATURE_NAME) != SIGNATURE_NAME:
        raise BadRequest(f"signature_name: the only one of a model here is {SIGNATURE_NAME!r}; leave it out")
    parameters: dict[str, Any] = {}
    for name in ("params", "parameters"):
        found = fields.get(name)
        if found is not None and not isinstance(found, dict):
            raise BadRequest(f"{name} must be an object")
        parameters |= cast("dict[str, Any]", found or {})
    return Sent(forms[0], fields[forms[0]], parameters)


def arguments_of(sent: Sent, signature: Signature) -> dict[str, Any]:
    """The arguments, by name. Raises `BadRequest`."""
    known = {one.name: one for one in signature.predict.arguments if one.kind != "accept"}
    rows = _rows_argument(known, sent.parameters)
    value, form = sent.value, sent.form
    if form == "dataframe_split":
        return {rows.name: _of_split(value)} | sent.parameters
    if form == "dataframe_records":
        if not isinstance(value, list):
            raise BadRequest("dataframe_records must be a list of objects")
        return {rows.name: cast("Any", value)} | sent.parameters
    if isinstance(value, dict):
        return _by_name(cast("dict[str, Any]", value), known, rows) | sent.parameters
    if not isinstance(value, list):
        raise BadRequest(f"{form} must be a list")
    instances = cast("list[Any]", value)
    if _are_arguments(instances, known):
        return _of_objects(instances, known, signature) | sent.parameters
    if _takes_list(rows):
        return {rows.name: instances} | sent.parameters
    if len(instances) != 1:
        raise BadRequest(f"{form}: {rows.name!r} of this model is one value: send one at a time")
    return {rows.name: instances[0]} | sent.parameters


def _rows_argument(known: dict[str, Argument], parameters: dict[str, Any]) -> Argument:
    """The argument that the rows are: the first that a table is, else the first required, else the first."""
    others = [one for one in known.values() if one.name not in parameters]
    if not others:
        raise BadRequest("the model takes nothing that rows could be")
    tables = [one for one in others if one.schema.get("format") == "table"]
    return next(iter(tables or [one for one in others if one.required] or others))


def _takes_list(argument: Argument) -> bool:
    """Whether several rows are a value of an argument. One that says nothing of its type takes anything."""
    choices = [argument.schema, *cast("list[dict[str, Any]]", argument.schema.get("anyOf", []))]
    kinds = [one.get("type") for one in choices if one.get("type") not in (None, "null")]
    return not kinds or "array" in kinds


def _are_arguments(instances: list[Any], known: dict[str, Argument]) -> bool:
    """Whether each instance is an object of the model's arguments."""
    if not instances or set(map(type, instances)) != {dict}:
        return False
    objects = cast("list[dict[str, Any]]", instances)
    return all(one and one.keys() <= known.keys() for one in objects)


def _of_objects(
    instances: list[dict[str, Any]], known: dict[str, Argument], signature: Signature
) -> dict[str, Any]:
    """The arguments out of objects of them: one, or for a model of arrays one for each row."""
    if len(instances) == 1 and signature.contract != "array":
        return dict(instances[0])
    if signature.contract != "array":
        raise BadRequest("instances: each has the arguments of a prediction of its own: send one at a time")
    names = instances[0].keys()
    if any(one.keys() != names for one in instances):
        raise BadRequest("instances: each must have the same inputs as the first")
    return {name: [one[name] for one in instances] for name in names}


def _by_name(value: dict[str, Any], known: dict[str, Argument], rows: Argument) -> dict[str, Any]:
    """Inputs by their names: arguments of the model, or columns of its table."""
    if value.keys() <= known.keys():
        return value
    lengths = {len(cast("list[Any]", one)) if isinstance(one, list) else -1 for one in value.values()}
    if len(lengths) != 1 or -1 in lengths:
        names = ", ".join(known)[:1000]
        raise BadRequest(f"inputs: each is an argument ({names}), or a column: a list as long as the others")
    cells = [list(row) for row in zip(*value.values(), strict=True)]
    return {rows.name: {"columns": list(value), "rows": cells}}


def _of_split(value: Any) -> Any:
    """The rows of a frame as pandas splits it. Its index says nothing that a model is given."""
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if not isinstance(fields.get("data"), list) or fields.keys() - {"columns", "index", "data"}:
        raise BadRequest("dataframe_split must be an object with columns, data and perhaps index")
    found = fields.get("columns")
    columns = cast("list[Any]", found) if isinstance(found, list) else []
    if not columns or set(map(type, columns)) != {str}:
        return fields["data"]  # numbers of columns, which have no names
    return {"columns": columns, "rows": fields["data"]}
