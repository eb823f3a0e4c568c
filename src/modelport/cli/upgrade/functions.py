"""V1's `predict_data`, `predict_url` and `train`, and V2's functions in their place."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from modelport.cli.upgrade.arguments import (
    OF_ARGUMENTS,
    PREDICT,
    TRAIN,
    called,
    import_of_fields,
    returned_dictionaries,
    returned_dictionary,
)
from modelport.cli.upgrade.package import Package
from modelport.cli.upgrade.points import Found
from modelport.cli.upgrade.scopes import FIRST, Scope, scopes_in
from modelport.cli.upgrade.source_file import NOT_PLAIN, Edit, Function, own_nodes

GROUP = PREDICT
COMMENT = re.compile(rb"#[^\n]*")
DATA = (
    "fields.Field()",
    'metadata={"type": "file", "location": "form", "description": "Files to predict on"}',
)
URLS = ("fields.Url(require_tld=False)", 'metadata={"description": "URLs of what to predict on"}')
BOTH = '''
def predict({self}**args):
    """Predict on the files in `data`, or on the `urls`: one of the two."""
    data, urls = args.pop("data"), args.pop("urls")
    if bool(data) == bool(urls):
        raise HTTPBadRequest(reason="You must provide either 'urls' or 'data' in the payload")
    if data:
        return {of}predict_data({{**args, "files": data, "urls": None}})
    return {of}predict_url({{**args, "files": None, "urls": urls}})
'''
ONE = '''
def predict({self}**args):
    """Predict on {what}."""
    given = args.pop("{name}")
    return {of}{function}({{**args, "files": {files}, "urls": {urls}}})
'''


def is_first(scope: Scope) -> bool:
    """Whether predictions are made by V1's functions alone."""
    has_second = {"predict", "predict_batch"} & set(scope.functions) or (
        {"predict", "get_predict_args"} <= scope.names
    )
    return _of_both(scope) != (None, None) and not has_second


def _of_both(scope: Scope) -> tuple[Function | None, Function | None]:
    return scope.functions.get("predict_data"), scope.functions.get("predict_url")


def inputs(package: Package, scope: Scope) -> Iterator[Found]:
    """The arguments `data` and `urls`, which V2 has only where the model names them."""
    if not is_first(scope):
        return
    of_data, of_urls = _of_both(scope)
    how = "load_default=None" if of_data and of_urls else "required=True"
    written = {
        name: [of, how, about]
        for name, (of, about), function in (("data", DATA, of_data), ("urls", URLS, of_urls))
        if function
    }
    function = scope.functions.get("get_predict_args") or scope.functions.get("get_test_args")
    first = of_data or of_urls
    assert first is not None
    found = Found(
        package.shown(scope.file.path, (function or first).lineno),
        "what is to be predicted on is an argument like any other now", _lines(written), group=GROUP,
    )  # fmt: skip
    found.why_not = _why_not_inputs(scope, function)
    if not found.why_not:
        found.edits = _edits_of_inputs(scope, function, first, written)
    yield found


def _lines(written: dict[str, list[str]], depth: int | None = None) -> str:
    """The entries of a dictionary, a line each; at a depth, if there is one, after line breaks."""
    if depth is None:
        return "\n".join(f'"{name}": {called("fields.List", one)},' for name, one in written.items())
    at = " " * depth
    return "".join(
        f'\n{at}"{name}": {called("fields.List", one, depth + 8, depth)},' for name, one in written.items()
    )


def _why_not_inputs(scope: Scope, function: Function | None) -> str:
    if not scope.file.is_editable:
        return NOT_PLAIN
    try:
        import_of_fields(scope.file)
    except LookupError:
        return "'fields' means something else in this file"
    if function is None:
        other = {"get_predict_args", "get_test_args"} & scope.names
        return f"{other.pop()}() is made elsewhere, or only perhaps" if other else scope.unknown
    given = returned_dictionary(function)
    if given is None:
        return f"{function.name}() returns what is made elsewhere, or several dictionaries"
    keys = [key.value for key in given.keys if isinstance(key, ast.Constant)]
    taken = [name for name in ("data", "urls", "files") if name in keys]
    return f"it has an argument {taken[0]!r} already" if taken else ""


def _edits_of_inputs(
    scope: Scope, function: Function | None, first: Function, written: dict[str, list[str]]
) -> list[Edit]:
    file = scope.file
    added = import_of_fields(file)
    edits = [added] if added else []
    if function is None:
        self_ = "self" if scope.is_class else ""
        text = f"def get_predict_args({self_}):\n    return {{{_lines(written, 8)}\n    }}\n\n"
        text += "" if scope.is_class else "\n"
        begins = min([first.lineno, *(one.lineno for one in first.decorator_list)])
        return [*edits, file.inserted(file.offset(begins, 0), textwrap.indent(text, file.indent_of(first)))]
    given = returned_dictionary(function)
    assert given is not None
    start, end = file.span(given)
    inner = file.content[start + 1 : end - 1].decode()
    own_line = inner.lstrip(" \t").startswith(("\n", "\r\n")) and bool(inner.strip())
    first_key = given.keys[0] if given.keys else None
    depth = first_key.col_offset if own_line and first_key is not None else function.col_offset + 8
    lines = _lines(written, depth)
    if own_line:
        return [*edits, file.inserted(start + 1, lines)]
    closing = f"\n{' ' * (depth - 4)}"
    if not inner.strip():
        return [*edits, file.inserted(start + 1, lines + closing)]
    last = file.span(given.values[-1])[1] if given.values else end
    has_comma = not given.values or b"," in COMMENT.sub(b"", file.content[last : end - 1])
    comma = "" if has_comma else ","
    opening = file.inserted(start + 1, f"{lines}\n{' ' * depth}")
    return [*edits, opening, file.inserted(end - 1, comma + closing)]


def merged(package: Package, scope: Scope, unsafe: str) -> Iterator[Found]:
    """`predict` in the place of `predict_data` and `predict_url`; `unsafe` says why `--write` leaves it."""
    if not is_first(scope):
        return
    of_data, of_urls = _of_both(scope)
    last = max((one for one in (of_data, of_urls) if one), key=lambda one: one.lineno)
    self_, of = ("self, ", "self.") if scope.is_class else ("", "")
    if of_data and of_urls:
        text = BOTH.format(self=self_, of=of)
    elif of_data:
        text = ONE.format(self=self_, of=of, what="the files in `data`", name="data", function="predict_data",
                          files="given", urls="None")  # fmt: skip
    else:
        text = ONE.format(self=self_, of=of, what="the `urls`", name="urls", function="predict_url",
                          files="None", urls="given")  # fmt: skip
    names = " and ".join(f"{one.name}()" for one in (of_data, of_urls) if one)
    found = Found(
        package.shown(scope.file.path, last.lineno), f"{names} are not called by V2", text.strip("\n"),
        group=GROUP, why_not=unsafe or _why_not_merged(scope, of_data, of_urls),
    )  # fmt: skip
    if not found.why_not:
        found.edits = _edits_of_merged(scope, last, text, bool(of_data and of_urls))
    yield found


def conditional(package: Package) -> Iterator[Found]:
    """V1's functions that are there only perhaps: within an `if`, a `try`, a `with` or a loop."""
    for file in package.files:
        for scope in scopes_in(file):
            for one in own_nodes(scope.owner):
                if isinstance(one, Function) and one.name in FIRST and one not in scope.owner.body:
                    yield Found(
                        package.shown(file.path, one.lineno),
                        f"{one.name}() is there only perhaps: it stands under a condition",
                        "define it once, at the outermost level, and have it ask the condition itself",
                        why_not="which of them a package has, only running it can tell",
                    )


def _why_not_merged(scope: Scope, *functions: Function | None) -> str:
    if not scope.file.is_editable:
        return NOT_PLAIN
    for function in functions:
        if function is None:
            continue
        parameters = scope.parameters(function)
        if isinstance(function, ast.AsyncFunctionDef) or parameters is None or len(parameters) != 1:
            return f"{function.name}() does not take one dictionary alone"
    if scope.unknown:
        return scope.unknown
    if "predict" in scope.names:
        return "'predict' means something else in this file: import that by another name first"
    bound = scope.file.bound.get("HTTPBadRequest")
    if bound not in (None, "aiohttp.web.HTTPBadRequest") or "HTTPBadRequest" in scope.file.assigned:
        return "'HTTPBadRequest' means something else in this file"
    return ""


def _edits_of_merged(scope: Scope, last: Function, text: str, refuses: bool) -> list[Edit]:
    file = scope.file
    assert last.end_lineno is not None
    at = file.after_line(last.end_lineno)
    before = "" if file.content[:at].endswith(b"\n") else "\n"
    text = text if scope.is_class else f"\n{text}"
    edits = [file.inserted(at, before + textwrap.indent(text, file.indent_of(last)))]
    if refuses and "HTTPBadRequest" not in file.bound:
        edits.append(file.importing("from aiohttp.web import HTTPBadRequest"))
    return edits


def trains(package: Package, scope: Scope) -> Iterator[Found]:
    """`train`, where it takes one dictionary."""
    function = scope.functions.get("train")
    parameters = scope.parameters(function) if function is not None else None
    if function is None or not parameters or len(parameters) != 1:
        return
    [one] = parameters
    of_args = scope.functions.get(OF_ARGUMENTS[0])
    given = returned_dictionaries(of_args) if of_args is not None else []
    keys = [key.value for found in given for key in found.keys if isinstance(key, ast.Constant)]
    described = any(isinstance(value, ast.Dict) for found in given for value in found.values)
    if one.arg in keys or not (described or is_first(scope)):
        return
    found = Found(
        package.shown(scope.file.path, function.lineno),
        f"train({one.arg}) takes one dictionary; V2 gives its arguments by name", f"def train(**{one.arg})",
        # Whether a decorated one gets a dictionary, modelport tells by what predicts.
        group=GROUP if function.decorator_list and is_first(scope) else TRAIN,
    )  # fmt: skip
    caller = _caller_of_train(package, scope)
    if caller:
        found.why_not = f"{caller} calls it with a dictionary"
    elif not scope.file.is_editable:
        found.why_not = NOT_PLAIN
    else:
        found.edits = [scope.file.replaced(one, f"**{one.arg}")]
    yield found


def _caller_of_train(package: Package, scope: Scope) -> str:
    """Where code of the package itself calls it, as far as can be seen."""
    stem = scope.file.path.stem
    for file in package.files:
        for node in ast.walk(file.tree):
            called = node.func if isinstance(node, ast.Call) else None
            by_name = isinstance(called, ast.Name) and called.id == "train"
            of = called.value if isinstance(called, ast.Attribute) and called.attr == "train" else None
            if by_name or (isinstance(of, ast.Name) and of.id in (stem, "self", "cls")):
                return package.shown(file.path, called.lineno if called is not None else 1)
    return ""
