"""Types of hints that pydantic has no schema for, but JSON a natural form: arrays, frames, tensors, pictures.

They are told by their class alone: no framework is imported for this that the hint has not imported.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from modelport.contract.enum_literals import EnumLiteral, enum_literal
from modelport.contract.hint_parts import with_parts
from modelport.contract.plain import plain
from modelport.contract.uploaded_file import UploadedFile, is_uploaded_file

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

LIST: dict[str, Any] = {"type": "array", "items": {}}
PICTURE = {"type": "string", "format": "binary", "contentMediaType": "image/*"}


class NaturalForm:
    """How values of one class come and go, as the metadata of a hint."""

    def __init__(self, cls: type[Any], convert: Callable[[Any], Any], schema: dict[str, Any]):
        self.cls = cls
        self.convert = convert
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        def converted(value: Any) -> Any:
            return value if isinstance(value, self.cls) else self.convert(value)

        return core_schema.no_info_plain_validator_function(
            converted,
            serialization=core_schema.plain_serializer_function_ser_schema(plain, when_used="json"),
            metadata={"natural": True},
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)


def natural(hint: Any) -> Any:
    """The hint with a `NaturalForm` or an `EnumLiteral` for each type in it that needs one, and has none."""
    form = enum_literal(hint) or natural_form_of(hint)
    if form is not None:
        return Annotated[hint, form]
    if get_origin(hint) is Annotated and any(
        isinstance(one, (NaturalForm, EnumLiteral)) for one in get_args(hint)[1:]
    ):
        return hint
    return with_parts(hint, natural)


def natural_form_of(hint: Any) -> NaturalForm | None:
    """The form of a hint that names an array, frame, series, tensor, picture or scalar of these packages."""
    cls = get_origin(hint) or hint
    if not inspect.isclass(cls):
        named = (str(getattr(get_origin(one) or one, "__module__", "")) for one in get_args(hint))
        if cls is not Union or not any(module.startswith("numpy._typing") for module in named):
            return None
        cls = importlib.import_module("numpy").ndarray  # ArrayLike, which is a list of protocols
    package = cls.__module__.partition(".")[0]
    make = _FORMS.get((package, cls.__name__))
    if make is None and package == "numpy":
        bases = {base.__name__ for base in cls.__mro__}
        make = _numpy_scalar if "generic" in bases else None
    if make is None:
        return None
    return make(cast("type[Any]", cls), hint)


def is_picture(hint: Any) -> bool:
    """True for Pillow's pictures."""
    return inspect.isclass(hint) and hint.__module__.startswith("PIL.") and hasattr(hint, "save")


def is_values(hint: Any) -> bool:
    """True for what is sent as a list of values: arrays, tensors, series."""
    form = natural_form_of(hint)
    return form is not None and form.schema == LIST


def is_frame(hint: Any) -> bool:
    """True for what is sent as a table."""
    form = natural_form_of(hint)
    return form is not None and "anyOf" in form.schema


# -- numpy ---------------------------------------------------------------------------------------------


def _array(cls: type[Any], hint: Any) -> NaturalForm:
    numpy: Any = importlib.import_module("numpy")
    dtypes = [
        a for of in get_args(hint) for a in get_args(of) if inspect.isclass(a) and a.__module__ == "numpy"
    ]
    dtype = dtypes[0] if dtypes and not dtypes[0].__subclasses__() else None
    return NaturalForm(cls, functools.partial(_made_array, numpy, dtype), LIST)


def _made_array(numpy: Any, dtype: Any, value: Any) -> Any:
    if not isinstance(value, (list, tuple, int, float, bool)):
        raise ValueError("Input should be a list of values, or of lists that are equally long.")
    try:
        made = numpy.array(value, dtype=dtype)
        if made.dtype == object:  # null among numbers
            made = numpy.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        kind = f" of {numpy.dtype(dtype).name}" if dtype is not None else ""
        raise ValueError(f"Input should be an array{kind}: values, or lists that are equally long.") from None
    return made


def _numpy_scalar(cls: type[Any], hint: Any) -> NaturalForm:
    kinds = {"integer": "integer", "number": "number", "bool_": "boolean", "bool": "boolean"}
    kind = next((kinds[base.__name__] for base in cls.__mro__ if base.__name__ in kinds), "string")
    make: Any = importlib.import_module("numpy").asarray(0).dtype.type if cls.__name__ == "integer" else cls
    make = float if cls.__name__ in ("number", "inexact", "floating") else make  # these are abstract

    def convert(value: Any) -> Any:
        takes: Any = {"integer": int, "number": (int, float), "boolean": bool, "string": str}[kind]
        read = _number(value) if isinstance(value, str) and kind in ("integer", "number") else value
        if isinstance(read, takes) and (kind == "boolean" or not isinstance(read, bool)):
            try:
                return make(read)
            except (TypeError, ValueError, OverflowError):
                pass
        raise ValueError(f"Input should be a valid {kind}")

    return NaturalForm(cls, convert, {"type": kind})


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


# -- frames, series, tensors, pictures -----------------------------------------------------------------


def _frame(cls: type[Any], hint: Any) -> NaturalForm:
    from modelport.contract.table import Table

    library: Any = importlib.import_module(cls.__module__.partition(".")[0])

    def convert(value: Any) -> Any:
        table = Table.from_value(value)
        if library.__name__ == "pandas":
            return table.to_pandas()
        return library.DataFrame(table.rows, schema=table.columns, orient="row")

    return NaturalForm(cls, convert, Table.__get_pydantic_json_schema__(None, None))


def _series(cls: type[Any], hint: Any) -> NaturalForm:
    def convert(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError("Input should be a list of values.")
        return cls(value)

    return NaturalForm(cls, convert, LIST)


def _tensor(cls: type[Any], hint: Any) -> NaturalForm:
    torch: Any = importlib.import_module("torch")

    def convert(value: Any) -> Any:
        try:
            return torch.tensor(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise ValueError("Input should be numbers, or lists that are equally long.") from None

    return NaturalForm(cls, convert, LIST)


def _timestamp(cls: type[Any], hint: Any) -> NaturalForm:
    is_span = cls.__name__ == "Timedelta"

    def convert(value: Any) -> Any:
        try:
            read = _number(value) if isinstance(value, str) else value
            return cls(read, unit="s") if isinstance(read, (int, float)) else cls(str(value))
        except (TypeError, ValueError, OverflowError):
            words = "a duration such as PT1M30S" if is_span else "a time such as 2020-02-29T12:00:00"
            raise ValueError(f"Input should be {words}") from None

    return NaturalForm(cls, convert, {"type": "string", "format": "duration" if is_span else "date-time"})


def _picture(cls: type[Any], hint: Any) -> NaturalForm:
    from modelport.contract.kinds import NOT_A_FILE, Image

    def convert(value: Any) -> Any:
        if not is_uploaded_file(value):
            raise ValueError(NOT_A_FILE)
        return cast("Image", Image.of_upload(cast("UploadedFile", value))).pillow()

    return NaturalForm(cls, convert, PICTURE)


_FORMS: dict[tuple[str, str], Callable[[type[Any], Any], NaturalForm]] = {
    ("numpy", "ndarray"): _array,
    ("pandas", "DataFrame"): _frame,
    ("polars", "DataFrame"): _frame,
    ("pandas", "Series"): _series,
    ("pandas", "Index"): _series,
    ("polars", "Series"): _series,
    ("torch", "Tensor"): _tensor,
    ("pandas", "Timestamp"): _timestamp,
    ("pandas", "Timedelta"): _timestamp,
    ("PIL", "Image"): _picture,
}
