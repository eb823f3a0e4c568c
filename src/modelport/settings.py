"""Every setting, once: its name, its type, its default and what it does.

A setting comes from the command line, a `MODELPORT_*` variable, a TOML file or DEEPaaS's own names; the
earlier one wins. See `modelport.configuration` for how they are read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelport.home import expanded

MIB = 1 << 20
PROJECT_FOLDER = ".modelport"  # in the working folder: a data folder of its own for each project
REGRESSIONS = ("refuse", "warn")  # what may become of a version that is worse than the live one


def _setting(default: Any, help_text: str) -> Any:
    """A setting with the sentence that the command line and the docs show for it."""
    return field(default=default, metadata={"help": help_text})


def _secret(help_text: str) -> Any:
    """A setting that no message and no log shows."""
    return field(default=None, repr=False, metadata={"help": help_text})


def _settings_list(help_text: str) -> Any:
    """A setting that is a list, empty by default."""
    return field(default_factory=list[str], metadata={"help": help_text})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve. Sizes are bytes, times seconds; 0 for a size or a timeout means no limit."""

    sources: list[str] = _settings_list(
        "the models to serve; every installed deepaas.v2.model entry point if none"
    )
    model_name: str | None = _setting(None, "serve only the model of this name")
    trust: bool = _setting(False, "load model files that can run code when they are loaded, such as pickles")
    format: str | None = _setting(None, "the format of the model files, instead of recognising it")
    default_model: str | None = _setting(
        None, "the model that the mlup API at the root answers for, if there are several"
    )
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(5000, "port to listen on; 0 takes a free one")
    base_path: str = _setting("", "path under which everything is served")

    workers: int = _setting(
        1, "worker processes for each model; 0 runs models in a thread of the server, for debugging"
    )
    queue_size: int = _setting(1000, "calls that may wait for each model; more are answered 503")
    timeout: float = _setting(300.0, "seconds a prediction may take, waiting included; then 504")
    load_timeout: float = _setting(900.0, "seconds a model may take to load and warm up")
    drain_timeout: float = _setting(30.0, "seconds that running predictions get after SIGTERM")
    kill_grace: float = _setting(1.0, "seconds a cancelled call gets before its worker is killed")
    warm: bool = _setting(True, "call warm() in every worker before it counts as ready")
    keep_going: bool = _setting(False, "stay up although no model could be loaded")

    client_max_size: int = _setting(1024 * MIB, "largest request body; larger ones are answered 413")
    json_max_size: int = _setting(10 * MIB, "largest JSON or urlencoded body")
    json_depth: int = _setting(64, "deepest nesting of a JSON body")
    max_header_bytes: int = _setting(64 * 1024, "largest request head; larger ones are answered 431")
    max_headers: int = _setting(100, "most header fields of a request")
    max_request_line: int = _setting(8192, "longest request line; longer ones are answered 414")
    header_timeout: float = _setting(10.0, "seconds a client has to send the request head")
    body_timeout: float = _setting(30.0, "seconds a client may send nothing while it owes a body")
    body_deadline: float = _setting(3600.0, "seconds a whole body may take")
    min_body_rate: float = _setting(
        500.0, "bytes a second that a body must have on the average, once it has taken 10 seconds; then 408"
    )
    max_body_memory: int = _setting(
        64 * MIB, "bytes of bodies in memory, all together; what is more waits in spool_dir"
    )
    max_answer_memory: int = _setting(
        64 * MIB, "bytes of answers that clients have not read yet, all together; the slowest are cut then"
    )
    max_table_cells: int = _setting(10_000_000, "cells of a table, in whatever form it is sent; then 422")
    max_table_columns: int = _setting(100_000, "columns of a table")
    max_table_rows: int = _setting(1_000_000, "rows of a table")
    max_table_bytes: int = _setting(256 * MIB, "bytes of a table as it is sent, and when it is unpacked")
    max_connections: int = _setting(
        1000,
        "connections at a time, but no more than half of the open files that the system allows; then 503",
    )
    max_connections_per_address: int | None = _setting(
        None, "connections from one address (or IPv6 /64) at a time; then 429; half of all if not set"
    )
    write_timeout: float = _setting(30.0, "seconds a client may read nothing while it is sent an answer")
    keep_alive: float = _setting(75.0, "seconds an idle connection stays open")

    predict_endpoint: bool = _setting(True, "offer predictions; 402 otherwise")
    train_endpoint: bool = _setting(True, "offer trainings; 402 otherwise")
    doc_endpoint: bool = _setting(True, "serve the documentation pages")
    debug_endpoint: bool = _setting(False, "serve stdout and stderr of the models at /v2/debug/")
    stringify_predictions: bool = _setting(
        False, "answer predictions without schema as one string, as DEEPaaS documents"
    )
    allow_nan: bool = _setting(False, "write NaN and Infinity into JSON instead of null")
    hide_model_errors: bool = _setting(False, "answer 500 without the message of the model's exception")
    allow_url_inputs: bool = _setting(
        False, "let clients give files of typed models as URLs, fetched by the server"
    )
    allow_origins: list[str] = _settings_list(
        "origins whose web pages may call this server (CORS), such as https://example.org; * for any"
    )
    allow_hosts: list[str] = _settings_list(
        "names of this server, such as models.example.org or *.example.org, beside localhost, IP addresses "
        "and the machine's own; requests to others are answered 421; * for any"
    )

    envelope: bool = _setting(
        False,
        "put every JSON answer at the root into the envelope of the Made-With-ML lesson, whose payload and "
        "errors /predict has then",
    )
    mode: str = _setting(
        "directly_to_predict",
        "how /predict works: directly_to_predict; worker_and_queue, whose clients wait no longer than "
        "ttl_client_wait; or batching, where requests are collected besides",
    )
    min_batch_len: int = _setting(10, "in batching: so many waiting requests are predicted at once")
    batch_worker_timeout: float = _setting(
        1.0, "in batching: seconds that requests wait for others, if the model takes batches"
    )
    ttl_client_wait: float = _setting(30.0, "seconds until a client of /predict or /get-predict gets 408")
    is_long_predict: bool = _setting(
        False, "make /predict a job: it answers an id at once, and /get-predict has the result"
    )
    ttl_predicted_data: float = _setting(60.0, "seconds that /get-predict keeps a result")
    throttling_max_requests: int | None = _setting(
        None, "requests to /predict that may be in work; more are answered 429"
    )
    throttling_max_request_len: int | None = _setting(
        None, "rows that one request to /predict may have; more are answered 429"
    )

    data_dir: str = _setting(
        "",
        "folder of jobs and runs: database, files, artifacts; by default .modelport in the working folder if "
        "that is there, else modelport in XDG_DATA_HOME (~/.local/share)",
    )
    adopt: bool = _setting(
        False, "go on with runs, versions and jobs that models of these names have made at other places"
    )
    database_url: str | None = _secret(
        "PostgreSQL for the jobs (postgresql://…), which servers can share, instead of the file"
    )
    job_workers: int = _setting(1, "jobs that run at once; the rest wait in order")
    max_queued_jobs: int = _setting(
        1000, "jobs that may wait to be run for each model; more are answered 429; 0 for any number"
    )
    max_queued_jobs_in_all: int = _setting(5000, "the same for all models of the database together")
    job_attempts: int = _setting(
        1, "how often a job is tried when its process is lost; predictions and resumable trainings: 3 or more"
    )
    cancel_grace: float = _setting(10.0, "seconds a cancelled job gets to end before it is killed")
    keep_jobs: str = _setting("30d", "how long ended jobs are kept, such as 12h or 30d; 0 keeps them")
    webhook_secret: str | None = _secret(
        "secret that webhooks are signed with (whsec_…); one is made in data_dir if none is given"
    )
    allow_private_callbacks: bool = _setting(
        False, "let webhooks go to private addresses, for receivers in your own network"
    )
    callback_ports: list[str] = field(
        default_factory=lambda: ["80", "443"],
        metadata={"help": "ports that webhooks may go to: numbers, and ranges such as 8000-8999"},
    )

    best_by: str | None = _setting(
        None,
        "the number that makes a run the best, such as f1:max or overall.loss:min; without a live version "
        "the best one is served from the start",
    )
    import_runs: list[str] = _settings_list(
        "runs made elsewhere to take in at the start: mlflow:EXPERIMENT, or a folder of runs; MODEL=… before "
        "it where there are several models"
    )
    loaded_versions: int = _setting(
        2, "versions beside the live ones that are kept loaded; the one not used for longest is unloaded"
    )
    on_regression: str = _setting(
        "refuse", "what becomes of a promotion whose checks find a regression: refuse or warn"
    )

    spool_dir: str | None = _setting(
        None, "folder for uploads while their request lasts (default: the system's)"
    )
    log_level: str = _setting("info", "debug, info, warning or error")
    log_file: str | None = _setting(None, "write the log to this file")
    debug: bool = _setting(False, "log more, and show tracebacks in the log at once")


def data_folder(data_dir: str) -> Path:
    """Where jobs and runs are: the folder that the setting names, or the project's own, or the user's."""
    if data_dir:
        return expanded(data_dir)
    of_project = Path(PROJECT_FOLDER)
    if of_project.is_dir():
        return of_project.absolute()
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else expanded("~/.local/share")) / "modelport"


def normal_base_path(given: str) -> str:
    """A base path with one leading slash and no trailing one; empty for the root."""
    stripped = given.strip("/")
    return f"/{stripped}" if stripped else ""
