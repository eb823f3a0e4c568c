"""`modelport train --server URL NAME`: a training of a server's model, from the command line."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import click

from modelport.cli.job_display import display_for_stderr
from modelport.cli.loading import interruptible
from modelport.cli.model_options import ModelOption, click_options, given_texts, model_options
from modelport.cli.server_connection import ServerConnection
from modelport.client.answers import Content
from modelport.client.calls import JobOptions
from modelport.client.errors import ArgumentsRefused, JobFailed
from modelport.client.plain import json_of
from modelport.client.sync_job import Job
from modelport.client.taken import Taken, alternatives, takes_file
from modelport.contract.signature import Argument, VerbName
from modelport.jobs.records import NewEvent
from modelport.worker.cancellation import Terminated

SHOWN = ("log", "metric", "progress", "artifact")
WHOLE = {"total": None, "message": ""}


def run_at(url: str, verb: VerbName, model: str, arguments: list[str], output: Path | None) -> None:
    """Submit the job, show it until it has ended, print its result; with `output` save its files there.

    Ctrl-C leaves the job running. Raises `click.ClickException` where it failed.
    """
    with interruptible(), ServerConnection(url) as server:
        taken = server.run(server.calls.taken(model, verb))
        values = _values(verb, model, taken, arguments)
        job = _submitted(server, verb, model, values)
        try:
            with server.errors():
                _show(job, f"{verb} {model}")
        except Terminated:
            click.echo(
                f"modelport: job {job.id} goes on: modelport jobs log -f {job.id} --url {server.url}",
                err=True,
            )
            raise
        _hand_out(server, job, output)


def _submitted(server: ServerConnection, verb: VerbName, model: str, values: dict[str, Any]) -> Job:
    with server.errors():
        try:
            body = server.connection.run(server.calls.submit(model, verb, values, JobOptions()))
        except ArgumentsRefused as refused:
            raise click.UsageError(str(refused)) from None
    return Job(server.connection, body)


def _show(job: Job, title: str) -> None:
    display = display_for_stderr()
    display.begin(title)
    display.say(f"job {job.id}")
    try:
        for event in job.events():
            job.observe(event)
            if event.type in SHOWN:
                data = WHOLE | event.data if event.type == "progress" else event.data
                display.take(NewEvent(type=event.type, data=data))
    finally:
        display.close()


def _hand_out(server: ServerConnection, job: Job, output: Path | None) -> None:
    if output is not None:
        with server.errors():
            for artifact in job.artifacts():
                place = output / artifact.name
                if ".." in PurePosixPath(artifact.name).parts:
                    raise click.ClickException(f"the file {artifact.name!r} would lie outside of {output}")
                place.parent.mkdir(parents=True, exist_ok=True)
                artifact.save(place)
    try:
        result = server.connection.run(server.calls.result(job))
    except JobFailed as failed:
        raise click.ClickException(failed.error or f"job {job.id} {failed.state}") from None
    if isinstance(result, Content):
        click.echo(result.content, nl=False)
    else:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False).encode("utf-8", "replace"))


def _values(verb: VerbName, model: str, taken: Taken, arguments: list[str]) -> dict[str, Any]:
    """The arguments of the command line. Raises `click.UsageError` for one that the model does not have."""
    options = model_options([_argument(name, taken) for name in taken.schemas if name != "accept"], {})
    command = click.Command(
        verb,
        callback=_as_given,
        params=click_options(options, {}),
        context_settings={"help_option_names": ["-h", "--help"]},
        help=f"Runs {verb}() of the model {model!r} at its server.",
    )
    with command.make_context(f"modelport {verb} {model}", arguments) as said:
        texts = given_texts(options, said.command.invoke(said))
    known = {option.argument.name: option for option in options}
    return {name: _value(known[name], given) for name, given in texts.items()}


def _as_given(**values: Any) -> dict[str, Any]:
    return values


def _argument(name: str, taken: Taken) -> Argument:
    schema = taken.schema(name)
    is_several = schema.get("type") == "array"
    kind = ("files" if is_several else "file") if takes_file(schema) else "value"
    return Argument(name=name, schema=schema, required=name in taken.required, kind=kind)


def _value(option: ModelOption, texts: list[str]) -> Any:
    if option.argument.is_upload:
        return [Path(text) for text in texts] if option.is_repeated else Path(texts[0])
    if option.shape == "table":
        return Path(texts[0]) if Path(texts[0]).is_file() else _read(texts[0])
    if option.is_repeated:
        if len(texts) == 1 and texts[0].lstrip().startswith("["):
            return _read(texts[0])
        return texts if option.items == "string" else [_read(text) for text in texts]
    kinds = {each.get("type") for each in alternatives(option.argument.schema)}
    return texts[0] if kinds <= {"string", "null"} else _read(texts[0])


def _read(text: str) -> Any:
    """A value that is written as JSON; what is none is text, which the server judges."""
    try:
        value = json.loads(text)
        json_of("argument", value)
    except ValueError:
        return text
    return value
