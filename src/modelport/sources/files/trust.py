"""The trust that formats need which can run code, and the words of the refusal without it."""

from __future__ import annotations

from modelport.contract.errors import ModelLoadError
from modelport.guards.pickles import Scan, is_suspicious
from modelport.sources.files.formats.format import Found

MAX_SHOWN = 10
MAX_NAME = 80
# What PyTorch's pickles of tensors, parameters and plain values import.
WEIGHTS = frozenset({
    "collections.OrderedDict", "collections.defaultdict", "torch.Size", "torch.Tensor", "torch.device",
    "torch.nn.parameter.Parameter", "torch.serialization._get_layout",
})  # fmt: skip
REBUILT = ("torch._utils._rebuild_", "torch._tensor._rebuild_")


def check_trust(found: Found, *, trust: bool) -> None:
    """Raise `ModelLoadError` if loading this could run code, and nobody said that it is trusted.

    Weights without their model are refused either way: trust would be given for nothing.
    """
    if found.format.name == "torch" and _only_weights(found.scan):
        raise ModelLoadError(
            f"{found.path}: it holds weights, such as a state_dict, and no model; load them into their "
            f"module (module.load_state_dict(torch.load({found.path.name!r}))) and {found.format.instead}"
        )
    danger = found.danger or found.format.danger
    if not danger or trust:
        return
    said = f"{found.path}: it is {_with_article(found.format.title)}, which {danger}"
    imports = _imports(found.scan)
    if imports:
        said += f". {imports}"
    advice = "Load it with --trust if you know who made it"
    if found.format.instead:
        advice += f", or {found.format.instead}"
    raise ModelLoadError(f"{said}. {advice}")


def _only_weights(scan: Scan) -> bool:
    """True if the pickles of PyTorch hold tensors and plain values alone."""
    if not scan.names or scan.incomplete or scan.cut:
        return False
    return all(name in WEIGHTS or name.startswith(REBUILT) or _is_storage(name) for name in scan.names)


def _is_storage(name: str) -> bool:
    return name.startswith("torch.") and name.endswith("Storage")


def _with_article(title: str) -> str:
    return f"{'an' if title[0] in 'AEIOU' else 'a'} {title}"


def _imports(scan: Scan) -> str:
    names = [_shown(name) for name in scan.names[:MAX_SHOWN]]
    more = len(scan.names) - len(names)
    rest = [f"{more} more"] if more > 0 else []
    if not names:
        return f"What it imports cannot be seen: {scan.incomplete}" if scan.incomplete else ""
    said = f"It imports {', '.join(names + rest)}"
    suspicious = [_shown(name) for name in scan.names if is_suspicious(name)]
    if suspicious:
        said += f" - and a model hardly needs {suspicious[0]}"
    return said + (f" (there may be more: {scan.incomplete})" if scan.incomplete else "")


def _shown(name: str) -> str:
    """A name out of a file that may say anything: on one line, and not long."""
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain if len(plain) <= MAX_NAME else plain[: MAX_NAME - 1] + "…"
