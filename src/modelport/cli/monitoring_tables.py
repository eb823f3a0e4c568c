"""A report on drift as tables."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from modelport.cli.tables import console, local_time, safe

COLOURS = {"ok": "green", "watch": "yellow", "drift": "red", "unknown": "dim"}


def print_report(report: dict[str, Any]) -> None:
    """Print each version with its columns."""
    window, log = report["window"], report["log"]
    out = console()
    out.print(
        f"{safe(report['model'])}: {_verdict(report['verdict'])}, {local_time(window['begin'])} to "
        f"{local_time(window['end'])}; {log['read']} predictions in the log, a share of {log['share']:g}"
    )
    for words in _words_of(log):
        out.print(safe(words))
    for version in report["versions"]:
        _print_version(out, version)


def _words_of(log: dict[str, Any]) -> list[str]:
    lost = {"dropped": "dropped", "lost": "lost", "torn": "torn", "not_read": "files not read"}
    said = [f"{log[name]} {word}" for name, word in lost.items() if log[name]]
    return [*([", ".join(said)] if said else []), *([log["words"]] if log["words"] else [])]


def _print_version(out: Any, version: dict[str, Any]) -> None:
    number = "?" if version["version"] is None else version["version"]
    rate = version["error_rate"] or 0.0
    latency = version["latency"]
    out.print()
    half = f"half within {latency['p50'] * 1000:.1f} ms" if latency else "no answers"
    out.print(
        f"version {number}: {_verdict(version['verdict'])}, {version['calls']} calls, {rate:.1%} errors, "
        f"{half}; against {_reference(version['reference'])}"
    )
    if version["words"]:
        out.print(safe(version["words"]))
    table = Table("", "column", "verdict", "rows", "missing", "PSI", "KS", "said", box=None, pad_edge=False)
    for side in ("inputs", "answers"):
        for feature in version[side]:
            table.add_row(side.removesuffix("s"), *_cells(feature))
    out.print(table)
    feedback = version["feedback"]
    if feedback is not None:
        names = ("accuracy", "f1", "mae", "rmse")
        scores = [f"{name} {feedback[name]:.3g}" for name in names if feedback[name] is not None]
        unlike = (
            f"; {feedback['unmatched']} have not the shape of their answers" if feedback["unmatched"] else ""
        )
        out.print(f"feedback on {feedback['count']}: {', '.join(scores) or 'none could be compared'}{unlike}")


def _reference(reference: dict[str, Any]) -> str:
    if reference["window"] is not None:
        window = reference["window"]
        return f"{local_time(window['begin'])} to {local_time(window['end'])}"
    return "its training" if reference["kind"] == "training" else safe(f"nothing: {reference['words']}")


def _cells(feature: dict[str, Any]) -> list[str]:
    def number(name: str) -> str:
        return "" if feature[name] is None else f"{feature[name]:.3f}"

    return [
        safe(feature["name"]),
        _verdict(feature["verdict"]),
        str(feature["rows"]),
        f"{feature['missing']:.1%}",
        number("psi"),
        number("ks"),
        safe(feature["words"]),
    ]


def _verdict(verdict: str) -> str:
    return f"[{COLOURS.get(verdict, 'dim')}]{safe(verdict)}[/]"
