"""The command `modelport metadata`: what a model says of itself."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli.loading import answers_only, file_options, interruptible, loaded, parsed_source
from modelport.cli.own_process import in_own_process


@click.pass_context
def _metadata(ctx: click.Context, source: str, debug: bool, **how: Any) -> None:
    process = in_own_process(ctx, source, how.pop("load_timeout"))
    import json

    from modelport.contract.metadata import metadata_body
    from modelport.dialects.oip.described import with_tensors

    found = parsed_source(source, **how)
    process.leave_settings()
    with answers_only() as stdout, interruptible():
        signature = loaded(found, debug=debug).signature
        process.loaded()
        own = metadata_body(signature.metadata, f"/v2/models/{signature.name}")
        body = with_tensors(own, signature, [0])
        stdout.write(json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


command = click.Command(
    "metadata",
    callback=_metadata,
    params=[
        click.Argument(["source"], metavar="[NAME=]SOURCE"),
        click.Option(["debug", "-d", "--debug"], is_flag=True, help="show the traceback if loading fails"),
        *file_options(),
    ],
    short_help="Print a model's metadata as JSON.",
    help="Load a model and print its metadata as JSON, as GET /v2/models/NAME/ answers it.",
)
