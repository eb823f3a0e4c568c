"""What a request for a batch job says besides its rows: the form of its answer, and what failures do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelport.api.bodies import CallHeaders
from modelport.api.job_fields import OWN_ARGUMENTS
from modelport.api.query_values import one_of, whole_number
from modelport.contract.calls import ON_ERROR, Batch
from modelport.contract.media_types import best_media_type
from modelport.contract.table_forms import MEDIA_TYPES, OWN_TYPES, TableForm, form_of_media_type
from modelport.problems import Problem

MAX_CHUNK_ROWS = 100_000
MAX_KEPT = 1000
BATCH_ARGUMENTS = (*OWN_ARGUMENTS, "format", "on_error", "keep", "chunk_rows")


def source_of(headers: CallHeaders) -> TableForm:
    """The form of the body. Raises `Problem`: 415 for one that is no table, 400 without a body."""
    form = form_of_media_type(headers.content_type)
    if form is None:
        said = headers.content_type[:100] or "a body without a Content-Type"
        raise Problem(415, f"a batch job takes no {said!r}; it takes {', '.join(MEDIA_TYPES)}")
    charset = headers.content_type.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise Problem(415, f"text is read as UTF-8; charset={charset[:50]} is not supported")
    if headers.length == 0:
        raise Problem(400, "the body is empty; send rows")
    return form


def batch_of(headers: CallHeaders, source: TableForm, own: Mapping[str, Sequence[str]]) -> Batch:
    """The batch job that is asked for. Raises `Problem`: 422 for an option, 406 for the answer's form."""
    for name, values in own.items():
        if len(values) > 1 and name != "keep":
            raise Problem(422, f"the query option {name!r} is there {len(values)} times")
    only = {name: values[0] for name, values in own.items()}
    asked = one_of(only.get("format") or None, "format", list(TableForm))
    on_error = one_of(only.get("on_error") or None, "on_error", ON_ERROR)
    kept = [name for text in own.get("keep", ()) for name in text.split(",") if name]
    if len(kept) > MAX_KEPT:
        raise Problem(422, f"keep names more than {MAX_KEPT} columns")
    return Batch(
        source=source,
        answer=TableForm(asked) if asked else _accepted(headers.accept, source),
        on_error="fail" if on_error == "fail" else "keep",
        keep=list(dict.fromkeys(kept)),
        chunk_rows=whole_number(only.get("chunk_rows") or None, "chunk_rows", 0, 1, MAX_CHUNK_ROWS),
    )


def _accepted(accept: str, source: TableForm) -> TableForm:
    offered = [source.media_type, *(known for known in MEDIA_TYPES if known != source.media_type)]
    chosen = best_media_type(accept, offered) if accept else source.media_type
    if chosen is None:
        raise Problem(406, f"cannot answer {accept[:200]!r}; can answer {', '.join(OWN_TYPES.values())}")
    return MEDIA_TYPES[chosen]
