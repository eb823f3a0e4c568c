"""The commands `modelport monitoring`, `modelport feedback` and `modelport payloads …`."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelport.cli.loading import interruptible
from modelport.cli.server_options import json_option, print_json, url_option, written
from modelport.settings.written import seconds_of

if TYPE_CHECKING:
    from modelport.settings import Settings


def _monitoring(
    url: str | None, model: str | None, window: str, version: str | None, reference: str | None, as_json: bool
) -> None:
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.monitoring_calls import REPORT_SECONDS, MonitoringCalls

    if reference is not None and Path(reference).is_file():
        raise click.UsageError(
            f"Invalid value for '--reference': {reference} is a file, and no file is read: a reference is "
            "a time of the payload log, such as 7d, or what its training recorded (current_job().reference)"
        )
    with interruptible(), ServerConnection(url, call_seconds=REPORT_SECONDS) as server:
        report = server.run(MonitoringCalls(server.calls).monitoring(model, window, version, reference))
    if as_json:
        print_json(report)
        return
    from modelport.cli.monitoring_tables import print_report

    print_report(report)


def _feedback(
    url: str | None, model: str, request_id: str | None, truth: str | None, file: Path | None
) -> None:
    from modelport.cli.server_connection import CALL_SECONDS, ServerConnection
    from modelport.client.monitoring_calls import AT_ONCE, MonitoringCalls

    if (file is None) == (request_id is None or truth is None):
        raise click.UsageError("name a REQUEST_ID and a TRUTH, or a --file of them")
    truths = _truths_in(file) if file is not None else {str(request_id): _value(str(truth))}
    seconds = CALL_SECONDS * (1 + len(truths) // AT_ONCE)  # for each part that is sent
    with interruptible(), ServerConnection(url, call_seconds=seconds) as server:
        found = server.run(MonitoringCalls(server.calls).feedback(model, truths))
    waiting = f", {found['waiting']} wait for the server that has them" if found["waiting"] else ""
    click.echo(f"{found['kept']} kept, {found['known']} known before{waiting}")
    for one in found["refused"][:20]:
        click.echo(f"{one['request_id']}: {one['words']}", err=True)
    if found["refused"]:
        count = len(found["refused"])
        raise click.ClickException(f"{count} of {len(truths)} were not kept")


def _truths_in(file: Path) -> dict[str, Any]:
    """The truths of a CSV with the columns request_id and truth, or of JSON Lines of such objects."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            if file.suffix.lower() == ".csv":
                return {row["request_id"]: _value(row["truth"]) for row in csv.DictReader(lines)}
            rows = [json.loads(line) for line in lines if line.strip()]
            return {str(row["request_id"]): row["truth"] for row in rows}
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    except (KeyError, TypeError, ValueError):
        raise click.UsageError(
            f"{file} has no truths: a CSV has the columns request_id and truth, other files a line of JSON "
            'for each, {"request_id": "…", "truth": …}'
        ) from None


def _value(text: str) -> Any:
    """JSON, or else a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _prune(url: str | None, model: str | None, older_than: str | None, **where: str | None) -> None:
    from modelport.cli.identity_options import source_of

    prune = source_of(
        lambda url: partial(_prune_server, url), lambda has: partial(_prune_folder, has), url, **where
    )
    with interruptible():
        found = prune(model, older_than)
    click.echo(f"{found['files']} files are removed, {found['bytes']} bytes")


def _prune_server(url: str, model: str | None, older_than: str | None) -> dict[str, Any]:
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.monitoring_calls import MonitoringCalls

    with ServerConnection(url) as server:
        return server.run(MonitoringCalls(server.calls).prune(model, older_than))


def _prune_folder(settings: Settings, model: str | None, older_than: str | None) -> dict[str, Any]:
    import sqlite3
    from time import time

    from modelport.settings import data_folder
    from modelport.telemetry.payloads.folders import others
    from modelport.telemetry.payloads.log import payload_folder
    from modelport.telemetry.payloads.pruning import prune_unused

    folder = first = payload_folder(settings, data_folder(settings.data_dir))
    before = time() - (seconds_of(older_than) if older_than else 0.0)
    pruned = {"files": 0, "bytes": 0}
    try:
        for folder in [first] if settings.payload_dir else [first, *others(first)]:
            found = prune_unused(folder, model, before)
            pruned = {"files": pruned["files"] + found["files"], "bytes": pruned["bytes"] + found["bytes"]}
        return pruned
    except BlockingIOError:
        raise click.ClickException(
            f"a server keeps its payload log in {folder}: ask it, with --url"
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"{folder}: {error}") from None


command = click.Command(
    "monitoring",
    callback=_monitoring,
    short_help="Tell how inputs and answers of a model have drifted.",
    help="Tell how the inputs and answers of a MODEL have drifted, and how right its answers were.",
    params=[
        click.Argument(["model"], metavar="MODEL", required=False),
        click.Option(
            ["window", "--window"], default="24h", show_default=True, callback=written(seconds_of),
            metavar="DURATION",
            help="how long until now",
        ),
        click.Option(["version", "--version"], metavar="VERSION", help="one version alone [default: each]"),
        click.Option(
            ["reference", "--reference"],
            metavar="REFERENCE",
            help="what to compare with: training; 7d, the time of that length before the window; or FROM/TO "
            "[default: training]",
        ),
        json_option("/v2/models/MODEL/monitoring"),
        url_option(),
    ],
)  # fmt: skip

feedback = click.Command(
    "feedback",
    callback=_feedback,
    short_help="Tell what the answers of a model should have been.",
    help="Tell what the answer to a prediction of MODEL should have been. REQUEST_ID is the X-Request-ID of "
    "its answer, or the id of its job; TRUTH is JSON, or else a text.",
    params=[
        click.Argument(["model"], metavar="MODEL"),
        click.Argument(["request_id"], metavar="[REQUEST_ID]", required=False),
        click.Argument(["truth"], metavar="[TRUTH]", required=False),
        click.Option(
            ["file", "--file"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="many of them: a CSV with the columns request_id and truth, or JSON Lines",
        ),
        url_option(),
    ],
)

payloads = click.Group(
    "payloads",
    short_help="Remove what the payload log has.",
    help="The payload log of a server: a share of its predictions (--log-payloads).",
    commands=[
        click.Command(
            "prune",
            callback=_prune,
            help="Remove what the payload log has, of a server that runs, or of one that does not.",
            params=[
                click.Option(["model", "--model"], metavar="NAME", help="of this model alone"),
                click.Option(
                    ["older_than", "--older-than"], callback=written(seconds_of), metavar="DURATION",
                    help="only files to which nothing was added for so long, such as 30d",
                ),
                click.Option(
                    ["url", "--url"], envvar="MODELPORT_URL", metavar="URL",
                    help="ask this server, with an administrator's key in MODELPORT_KEY if it wants one",
                ),
                click.Option(
                    ["data_dir", "--data-dir"], metavar="DIR",
                    help="the data folder of a server that does not run [default: the setting data_dir]",
                ),
            ],
        )
    ],
)  # fmt: skip
