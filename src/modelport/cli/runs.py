"""The commands `modelport runs …`: what trainings made, compared, and made live."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli.loading import interruptible
from modelport.cli.server_options import ListingGroup, json_option, print_json, url_option
from modelport.settings.declaring import words_of
from modelport.settings.groups.runs import OnRegression

PROMOTION_SECONDS = 900.0  # to load a version, to warm it, and to compare it
RUNS = "/v2/models/MODEL/runs"


def _list(url: str | None, model: str | None, top: int, order_by: str | None, as_json: bool) -> None:
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.run_calls import RunCalls

    with interruptible(), ServerConnection(url) as server:
        listed = server.run(RunCalls(server.calls).listed(model, top, order_by))
    if as_json:
        print_json(listed["runs"])
    elif not listed["runs"]:
        click.echo("there are no runs: train the model first", err=True)
    else:
        from modelport.cli.runs_tables import print_runs

        print_runs(listed["runs"], listed["order_by"])


def _described(url: str | None, model: str | None, run_ids: tuple[str, ...]) -> list[dict[str, Any]]:
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.run_calls import RunCalls

    if not all(run_ids):
        raise click.UsageError("Invalid value for 'RUN': the id of a run must not be empty.")
    with interruptible(), ServerConnection(url) as server:
        calls = RunCalls(server.calls)
        return [server.run(calls.described(model, run_id)) for run_id in run_ids]


def _show(url: str | None, model: str | None, run_id: str, as_json: bool) -> None:
    (run,) = _described(url, model, (run_id,))
    if as_json:
        print_json(run)
        return
    from modelport.cli.runs_tables import print_run

    print_run(run)


def _compare(url: str | None, model: str | None, run_ids: tuple[str, ...]) -> None:
    if len(run_ids) < 2:
        raise click.UsageError("Invalid value for 'RUN...': name two runs or more to compare.")
    runs = _described(url, model, run_ids)
    from modelport.cli.runs_tables import print_comparison

    print_comparison(runs)


def _promote(url: str | None, model: str | None, version: str, **how: Any) -> None:
    from modelport.cli.runs_tables import print_checks, print_promotion
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.errors import PromotionRefused
    from modelport.client.run_calls import RunCalls

    try:
        with interruptible(), ServerConnection(url, call_seconds=PROMOTION_SECONDS) as server:
            done = server.run(RunCalls(server.calls).promote(model, version, **how))
    except PromotionRefused as refused:
        print_checks(refused.report.get("checks"), refused.regressions)
        raise click.ClickException(
            f"version {version} is worse than the live one, which stays live: "
            f"{'; '.join(refused.regressions)}. To make it live all the same, say --on-regression warn"
        ) from None
    print_promotion(done)


def _roll_back(url: str | None, model: str | None) -> None:
    from modelport.cli.runs_tables import print_promotion
    from modelport.cli.server_connection import ServerConnection
    from modelport.client.run_calls import RunCalls

    with interruptible(), ServerConnection(url, call_seconds=PROMOTION_SECONDS) as server:
        done = server.run(RunCalls(server.calls).roll_back(model))
    print_promotion(done)


def _where() -> list[click.Parameter]:
    """The options that say whose runs."""
    model = click.Option(
        ["model", "--model"], metavar="NAME", help="the model, if the server has more than one"
    )
    return [model, url_option()]


def _limits() -> list[click.Parameter]:
    """The options that say what keeps a version from becoming live."""
    return [
        click.Option(
            ["on_regression", "--on-regression"],
            type=click.Choice(words_of(OnRegression)),
            help="what to do if it is worse [default: the server's setting]",
        ),
        click.Option(
            ["min_agreement", "--min-agreement"],
            type=click.FloatRange(0, 1),
            help="at least this share of answers must be the same [default: 0]",
        ),
        click.Option(
            ["max_latency_ratio", "--max-latency-ratio"],
            type=click.FloatRange(0, min_open=True),
            help="at most so many times as long may an answer take [default: 3]",
        ),
    ]


command = ListingGroup(
    "runs",
    short_help="List, show and compare runs, and make versions live.",
    help="Look at what the trainings of a server made, and make versions live. Without a command it lists.",
    commands=[
        click.Command(
            "list",
            callback=_list,
            params=[
                click.Option(
                    ["top", "--top", "-n"],
                    type=click.IntRange(1, 100_000),
                    default=20,
                    show_default=True,
                    help="at most so many",
                ),
                click.Option(
                    ["order_by", "--order-by"],
                    metavar="ORDER",
                    help="NAME:max or NAME:min of a number of the runs, or newest "
                    "[default: the server's setting best_by, else newest]",
                ),
                json_option(RUNS),
                *_where(),
            ],
            help="List runs: the best first, or the newest.",
        ),
        click.Command(
            "show",
            callback=_show,
            params=[click.Argument(["run_id"], metavar="RUN"), json_option(f"{RUNS}/RUN"), *_where()],
            help="Show one run, by its id, best or live.",
        ),
        click.Command(
            "compare",
            callback=_compare,
            params=[click.Argument(["run_ids"], metavar="RUN...", nargs=-1, required=True), *_where()],
            help="Compare runs: the parameters that differ, and the numbers of all.",
        ),
        click.Command(
            "promote",
            callback=_promote,
            params=[click.Argument(["version"], metavar="VERSION"), *_limits(), *_where()],
            help="Make a version live, by its number or an alias such as best, if it is not worse than the "
            "live one.",
        ),
        click.Command(
            "rollback",
            callback=_roll_back,
            params=_where(),
            help="Make the version live again that was so before.",
        ),
    ],
)
