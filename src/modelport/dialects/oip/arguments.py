"""From the tensors of a request to the arguments of a model."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from modelport.contract.errors import BadRequest
from modelport.contract.places import Places
from modelport.contract.signature import Argument, Signature
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.oip.datatypes import BYTES
from modelport.dialects.oip.deadlines import MOST_JSON, TIMEOUT, is_timeout
from modelport.dialects.oip.described import Form, columns_of, form_of, is_table
from modelport.dialects.oip.tensors import SHOWN, Asked, Request, Tensor, text_of

JSON_DEPTH = 64
# Of MLServer's clients: what is made of it depends on the model here.
CONTENT_TYPES = ("np", "pd", "str", "base64")
UNSUPPORTED = {
    "sequence_id": "models here keep no state between requests",
    "sequence_start": "models here keep no state between requests",
    "sequence_end": "models here keep no state between requests",
    "priority": "every request here waits in one queue, in the order in which they came",
}


def arguments_of(request: Request, signature: Signature) -> dict[str, Any]:
    """The arguments, by name. Raises `BadRequest`, which names the tensor that is to blame."""
    if request.model_name not in (None, signature.name):
        raise BadRequest(
            f"model_name is {request.model_name!r:.100}, and the path names the model {signature.name!r}"
        )
    _refuse_twice(request.outputs or [])
    known = {one.name: one for one in signature.predict.arguments if one.kind != "accept"}
    found: dict[str, Any] = {}
    columns: dict[str, Tensor] = {}
    table = next((one for one in known.values() if is_table(one)), None)
    named = columns_of(table) if table is not None else {}
    for tensor in request.inputs:
        argument = known.get(tensor.name)
        if argument is not None:
            found[tensor.name] = _value(tensor, argument, signature)
        elif table is not None and (tensor.name in named or not named):
            columns[tensor.name] = tensor
        else:
            names = ", ".join([*known, *named])
            raise BadRequest(f"there is no input {tensor.name[:SHOWN]!r}; there is: {names[:1000]}")
    if table is not None and columns:
        if table.name in found:
            one = next(iter(columns))
            raise BadRequest(f"the input {one[:SHOWN]!r} is a column of {table.name!r}, which is there, too")
        found[table.name] = _rows(columns)
    return found | _by_parameters(request, known, found)


def _refuse_twice(outputs: list[Asked]) -> None:
    """Refuse an output that is asked for twice: a short request would get a thousand copies of it."""
    names: set[str] = set()
    for one in outputs:
        if one.name in names:
            raise BadRequest(f"the output {one.name[:SHOWN]!r} is asked for twice")
        names.add(one.name)


def _by_parameters(request: Request, known: dict[str, Argument], found: dict[str, Any]) -> dict[str, Any]:
    """Arguments that came as parameters of the request, which have no tensor."""
    taken: dict[str, Any] = {}
    for name, value in request.parameters.items():
        if name in known:
            if name in found:
                raise BadRequest(f"{name[:SHOWN]!r} is there twice: as an input and as a parameter")
            taken[name] = value
        elif name == TIMEOUT:
            _check_timeout(value, is_kept=request.keeps_timeout)
        elif name == "priority" and value == 0:  # that of everybody
            continue
        elif name in UNSUPPORTED:
            raise BadRequest(f"the parameter {name!r} is not supported: {UNSUPPORTED[name]}; leave it out")
        elif name != "content_type" or value not in CONTENT_TYPES:
            raise BadRequest(
                f"the parameter {name[:SHOWN]!r} is unknown; the model takes: {', '.join(known)[:1000]}"
            )
    return taken


def _check_timeout(value: Any, *, is_kept: bool) -> None:
    if not is_timeout(value):
        raise BadRequest(f"the parameter {TIMEOUT!r} is {value!r:.100}: it must be a number of microseconds")
    if value and not is_kept:
        raise BadRequest(
            f"the parameter {TIMEOUT!r} is read of requests whose JSON has at most {MOST_JSON} bytes: send "
            "the tensors as bytes behind it, or leave it out; the server's setting `timeout` holds anyway"
        )


def _value(tensor: Tensor, argument: Argument, signature: Signature) -> Any:
    if argument.is_upload:
        return _files(tensor, many=argument.kind == "files")
    if signature.contract == "array":
        return _of_array_model(tensor)
    if is_table(argument):
        return (_texts(tensor) if tensor.datatype.name == BYTES else tensor).nested()
    form = form_of(argument.schema)
    if form.shape is None:
        return tensor.array() if tensor.datatype.name != BYTES else _texts(tensor).nested()
    if form.is_json and tensor.datatype.name == BYTES:
        return _of_json(tensor, form)
    if tensor.datatype.name == BYTES:
        tensor = _texts(tensor)
    return _of_shape(tensor, form)


def _of_array_model(tensor: Tensor) -> Any:
    """Rows of texts, and what came as JSON, are lists; what came as bytes is an array as it lies there."""
    if tensor.datatype.name == BYTES:
        return _texts(tensor).nested()
    return tensor.nested() if tensor.data is None else tensor.array()


def _of_shape(tensor: Tensor, form: Form) -> Any:
    """One value, or lists as deep as the argument has axes; a batch of one is the one."""
    assert form.shape is not None
    is_scalar = form.shape == (1,)
    if is_scalar and tensor.count == 1:
        return tensor.flat()[0]
    shape = tensor.shape
    if len(shape) == len(form.shape) + 1 and shape[0] == 1:
        shape = shape[1:]
    if is_scalar or len(shape) != len(form.shape):
        wanted = "one element" if is_scalar else f"{len(form.shape)} axes"
        raise BadRequest(
            f"the input {tensor.name[:SHOWN]!r} must have {wanted}, not the shape {tensor.shape}"
        )
    return Tensor(tensor.name, tensor.datatype, shape, {}, tensor.flat()).nested()


def _of_json(tensor: Tensor, form: Form) -> Any:
    """What the elements are the JSON of."""
    found: list[Any] = []
    for element in tensor.flat():
        try:
            found.append(parse_json(element, JSON_DEPTH))
        except BadRequest as error:
            whose = f"the input {tensor.name[:SHOWN]!r}"
            raise BadRequest(f"{whose}: an element of it must be JSON: {error.detail}") from None
    if form.shape == (1,) and tensor.count == 1:
        return found[0]
    return _of_shape(Tensor(tensor.name, tensor.datatype, tensor.shape, {}, found), form)


def _texts(tensor: Tensor) -> Tensor:
    """A tensor of BYTES with texts for its elements."""
    elements = [text_of(tensor.name, one) for one in tensor.flat()]
    return Tensor(tensor.name, tensor.datatype, tensor.shape, tensor.parameters, elements)


def _files(tensor: Tensor, *, many: bool) -> Any:
    whose = f"the input {tensor.name[:SHOWN]!r}"
    if tensor.datatype.name != BYTES:
        raise BadRequest(f"{whose} is a file: send its content as BYTES, not as {tensor.datatype.name}")
    contents = tensor.flat()
    if tensor.parameters.get("content_type") == "base64":
        try:
            contents = [base64.b64decode(one, validate=True) for one in contents]
        except (binascii.Error, ValueError):
            raise BadRequest(f"{whose}: an element of it is no base64, as its content_type says") from None
    if many:
        return contents
    if len(contents) != 1:
        raise BadRequest(f"{whose} is one file, and {len(contents)} came")
    return contents[0]


def _rows(columns: dict[str, Tensor]) -> dict[str, Any]:
    """A table out of its columns: each a tensor of one axis, or of two with one column."""
    lengths: dict[str, int] = {}
    for name, tensor in columns.items():
        axes = len(tensor.shape)
        if axes != 1 and (axes != 2 or tensor.shape[1] != 1):
            raise BadRequest(f"the input {name[:SHOWN]!r} is a column: its shape is [rows] or [rows, 1]")
        lengths[name] = tensor.count
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise BadRequest(
                f"the input {name[:SHOWN]!r} has {length} rows, and {first[:SHOWN]!r} has {lengths[first]}"
            )
    texts = [_texts(one) if one.datatype.name == BYTES else one for one in columns.values()]
    cells = [one.flat() for one in texts]
    return {"columns": list(columns), "rows": [list(row) for row in zip(*cells, strict=True)]}


def take_arguments(places: Places, request: Request, signature: Signature) -> None:
    """Put the arguments where the model reads them."""
    for name, value in arguments_of(request, signature).items():
        places.json[name] = value
