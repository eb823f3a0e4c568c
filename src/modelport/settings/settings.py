"""Every setting, once: its name, its type, its default, its range or choices, and what it does.

A setting comes from the command line, a `MODELPORT_*` variable, a TOML file or DEEPaaS's own names; the
earlier one wins. See `modelport.settings.reading` for how they are read. One model may have some of them
otherwise, see `modelport.settings.of_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from modelport.settings.declaring import Written, setting, words_of
from modelport.settings.sizes import MIB, TABLE_BYTES, TABLE_CELLS, TABLE_COLUMNS, TABLE_ROWS
from modelport.settings.values import (
    wrong_database,
    wrong_devices,
    wrong_duration,
    wrong_environment,
    wrong_format,
    wrong_host,
    wrong_hosts,
    wrong_order,
    wrong_origins,
    wrong_path,
    wrong_ports,
    wrong_size,
)

SOURCE = "source"  # of one model, beside its settings
OF_MODEL = "the model"  # where settings are written that it has by itself
ENVIRONMENT = "environment"  # the setting that is a table itself


class Mode(StrEnum):
    """How /predict of mlup's API works."""

    DIRECTLY_TO_PREDICT = "directly_to_predict"
    WORKER_AND_QUEUE = "worker_and_queue"
    BATCHING = "batching"


class OnRegression(StrEnum):
    """What may become of a version that is worse than the live one."""

    REFUSE = "refuse"
    WARN = "warn"


class Auth(StrEnum):
    """Whether who asks must say who they are."""

    OFF = "off"
    ON = "on"


class LogLevel(StrEnum):
    """How much the log says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


# The class that mlup names a mode by.
ARCHITECTURES = {
    Mode.DIRECTLY_TO_PREDICT: "mlup.web.architecture.directly_to_predict.DirectlyToPredictArchitecture",
    Mode.WORKER_AND_QUEUE: "mlup.web.architecture.worker_and_queue.WorkerAndQueueArchitecture",
    Mode.BATCHING: "mlup.web.architecture.batching.BatchingSingleProcessArchitecture",
}


def mode_named(text: str) -> str:
    """The mode that mlup names by this class; any other text stays as it is."""
    return next((mode.value for mode, name in ARCHITECTURES.items() if name == text), text)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve. Sizes are bytes, times seconds; 0 for a size or a timeout means no limit.

    `models` has what single models have otherwise, by their names: `of` gives the settings of one model.
    `written` says of each setting that somebody gave where it stands.
    """

    models: Mapping[str, Mapping[str, Written]] = field(
        default_factory=dict[str, dict[str, Written]], repr=False
    )
    written: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    sources: list[str] = setting(
        [], "the models to serve; every installed deepaas.v2.model entry point if none"
    )
    model_name: str | None = setting(None, "serve only the model of this name", heading="Models and address")
    trust: bool = setting(
        False, "load model files that can run code when they are loaded, such as pickles", of_model=True
    )
    format: str | None = setting(
        None, "the format of the model files, instead of recognising it", wrong=wrong_format, of_model=True
    )
    default_model: str | None = setting(
        None, "the model that the mlup API at the root answers for, if there are several"
    )
    host: str = setting("127.0.0.1", "address to listen on", also="listen_ip", of="server", wrong=wrong_host)
    port: int = setting(
        5000, "port to listen on; 0 takes a free one", most=65535, also="listen_port", of="server"
    )
    base_path: str = setting("", "path under which everything is served", wrong=wrong_path)
    auth: str | None = setting(
        None,
        "on: who asks needs a key (modelport keys); off: whoever reaches the server may use it, which must "
        "be said aloud to listen elsewhere than on this machine",
        choices=words_of(Auth),
        normal=str.lower,
    )
    open_documents: bool = setting(False, "with auth on: show the API documents to anybody")

    workers: int = setting(
        1,
        "worker processes for each model; 0 runs models in a thread of the server, for debugging",
        short="-p",
        heading="Workers and predictions",
        of_model=True,
    )
    devices: list[str] = setting(
        [],
        "devices that the workers of a model have one each of, in turn, such as cuda:0 and cuda:1, or auto "
        "for all that there are; every worker sees what the server sees if none",
        wrong=wrong_devices,
        of_model=True,
    )
    threads: int = setting(
        0,
        "threads of BLAS, OpenMP, torch and the like in each worker; 0 for the cores divided by the workers",
        of_model=True,
    )
    environment: dict[str, str] = setting(
        {},
        "variables of the model's processes, such as HF_HOME=/data/hf, beside those of the server",
        wrong=wrong_environment,
        secret=True,
        of_model=True,
    )
    max_concurrency: int = setting(
        0,
        "calls that a worker runs side by side, in threads if predict is plain; 0 leaves it to the model",
        of_model=True,
    )
    max_batch_size: int = setting(
        0,
        "calls that a worker predicts together, of models that take batches; 0 leaves it to the model",
        of_model=True,
    )
    max_wait_ms: float | None = setting(
        None, "milliseconds that calls wait for a batch to fill; the model says it if not set", of_model=True
    )
    queue_size: int = setting(
        1000,
        "calls that may wait for each model; more are answered 503",
        least=1,
        why="at least one call must be able to wait",
        also="max_queue_size",
        of_model=True,
    )
    timeout: float = setting(
        300.0, "seconds a prediction may take, waiting included; then 504", of_model=True
    )
    load_timeout: float = setting(900.0, "seconds a model may take to load and warm up", of_model=True)
    drain_timeout: float = setting(30.0, "seconds that running predictions get after SIGTERM")
    kill_grace: float = setting(1.0, "seconds a cancelled call gets before its worker is killed")
    warm: bool = setting(True, "call warm() in every worker before it counts as ready")
    memory_limit: str = setting(
        "0",
        "memory of a worker process, such as 2G: above it a worker is replaced after its call, at twice that "
        "it is killed; 0 for no limit",
        wrong=wrong_size,
        of_model=True,
    )
    idle_unload: str = setting(
        "0",
        "how long nobody asks a model, such as 10m, until its workers end; the next call loads it again; 0 "
        "keeps it loaded",
        wrong=wrong_duration,
        of_model=True,
    )
    keep_going: bool = setting(False, "stay up although no model could be loaded")
    reload: bool = setting(
        False,
        "for development: load a model anew when one of its files has changed, and let that answer once it "
        "is ready; the server stays up",
    )

    client_max_size: int = setting(
        1024 * MIB, "largest request body; larger ones are answered 413", heading="Limits on clients"
    )
    json_max_size: int = setting(10 * MIB, "largest JSON or urlencoded body")
    json_depth: int = setting(64, "deepest nesting of a JSON body")
    max_header_bytes: int = setting(
        64 * 1024, "largest request head; larger ones are answered 431", of="server"
    )
    max_headers: int = setting(100, "most header fields of a request", of="server")
    max_request_line: int = setting(8192, "longest request line; longer ones are answered 414", of="server")
    header_timeout: float = setting(10.0, "seconds a client has to send the request head", of="server")
    body_timeout: float = setting(30.0, "seconds a client may send nothing while it owes a body", of="server")
    body_deadline: float = setting(3600.0, "seconds a whole body may take", of="server")
    min_body_rate: float = setting(
        500.0,
        "bytes a second that a body must have on the average, once it has taken 10 seconds; then 408",
        of="server",
    )
    max_body_memory: int = setting(
        64 * MIB, "bytes of bodies in memory, all together; what is more waits in spool_dir"
    )
    max_answer_memory: int = setting(
        64 * MIB,
        "bytes of answers that clients have not read yet, all together; the slowest are cut then",
        of="server",
    )
    max_table_cells: int = setting(TABLE_CELLS, "cells of a table, in whatever form it is sent; then 422")
    max_table_columns: int = setting(TABLE_COLUMNS, "columns of a table")
    max_table_rows: int = setting(TABLE_ROWS, "rows of a table")
    max_table_bytes: int = setting(TABLE_BYTES, "bytes of a table as it is sent, and when it is unpacked")
    max_connections: int = setting(
        1000,
        "connections at a time, but no more than half of the open files that the system allows; then 503",
        of="server",
    )
    max_connections_per_address: int | None = setting(
        None,
        "connections from one address (or IPv6 /64) at a time; then 429; half of all if not set",
        of="server",
    )
    write_timeout: float = setting(
        30.0, "seconds a client may read nothing while it is sent an answer", of="server"
    )
    keep_alive: float = setting(75.0, "seconds an idle connection stays open", of="server")

    predict_endpoint: bool = setting(True, "offer predictions; 402 otherwise", heading="What is served")
    train_endpoint: bool = setting(True, "offer trainings; 402 otherwise")
    doc_endpoint: bool = setting(True, "serve the documentation pages")
    debug_endpoint: bool = setting(False, "serve stdout and stderr of the models at /v2/debug/")
    stringify_predictions: bool = setting(
        False, "answer predictions without schema as one string, as DEEPaaS documents"
    )
    allow_nan: bool = setting(False, "write NaN and Infinity into JSON instead of null")
    hide_model_errors: bool = setting(False, "answer 500 without the message of the model's exception")
    allow_url_inputs: bool = setting(
        False, "let clients give files of typed models as URLs, fetched by the server"
    )
    allow_origins: list[str] = setting(
        [],
        "origins whose web pages may call this server (CORS), such as https://example.org; * for any",
        wrong=wrong_origins,
    )
    allow_hosts: list[str] = setting(
        [],
        "names of this server, such as models.example.org or *.example.org, beside localhost, IP addresses "
        "and the machine's own; requests to others are answered 421; * for any",
        wrong=wrong_hosts,
    )

    envelope: bool = setting(
        False,
        "put every JSON answer at the root into the envelope of the Made-With-ML lesson, whose payload and "
        "errors /predict has then",
    )
    mode: str = setting(
        Mode.DIRECTLY_TO_PREDICT.value,
        "how /predict works: directly_to_predict; worker_and_queue, whose clients wait no longer than "
        "ttl_client_wait; or batching, where requests are collected besides",
        choices=words_of(Mode),
        normal=mode_named,
        heading="The mlup API at the root",
    )
    min_batch_len: int = setting(10, "in batching: so many waiting requests are predicted at once", least=1)
    batch_worker_timeout: float = setting(
        1.0, "in batching: seconds that requests wait for others, if the model takes batches"
    )
    ttl_client_wait: float = setting(30.0, "seconds until a client of /predict or /get-predict gets 408")
    is_long_predict: bool = setting(
        False, "make /predict a job: it answers an id at once, and /get-predict has the result"
    )
    ttl_predicted_data: float = setting(60.0, "seconds that /get-predict keeps a result")
    throttling_max_requests: int | None = setting(
        None, "requests to /predict that may be in work; more are answered 429", least=1
    )
    throttling_max_request_len: int | None = setting(
        None, "rows that one request to /predict may have; more are answered 429", least=1
    )

    data_dir: str = setting(
        "",
        "folder of jobs and runs: database, files, artifacts; by default .modelport in the working folder if "
        "that is there, else modelport in XDG_DATA_HOME (~/.local/share)",
        heading="Jobs",
        is_path=True,
    )
    adopt: bool = setting(
        False, "go on with runs, versions and jobs that models of these names have made at other places"
    )
    database_url: str | None = setting(
        None,
        "PostgreSQL for the jobs (postgresql://…), which servers can share, instead of the file",
        wrong=wrong_database,
        secret=True,
    )
    job_workers: int = setting(
        1,
        "jobs that run at once, the rest waits in order; a number of a model's own is for that alone",
        of_model=True,
    )
    max_queued_jobs: int = setting(
        1000, "jobs that may wait to be run for each model; more are answered 429; 0 for any number"
    )
    max_queued_jobs_in_all: int = setting(5000, "the same for all models of the database together")
    job_attempts: int = setting(
        1, "how often a job is tried when its process is lost; predictions and resumable trainings: 3 or more"
    )
    cancel_grace: float = setting(10.0, "seconds a cancelled job gets to end before it is killed")
    keep_jobs: str = setting(
        "30d", "how long ended jobs are kept, such as 12h or 30d; 0 keeps them", wrong=wrong_duration
    )
    webhook_secret: str | None = setting(
        None,
        "secret that webhooks are signed with (whsec_…); one is made in data_dir if none is given",
        secret=True,
    )
    allow_private_callbacks: bool = setting(
        False, "let webhooks go to private addresses, for receivers in your own network"
    )
    callback_ports: list[str] = setting(
        ["80", "443"],
        "ports that webhooks may go to: numbers, and ranges such as 8000-8999",
        wrong=wrong_ports,
    )

    best_by: str | None = setting(
        None,
        "the number that makes a run the best, such as f1:max or overall.loss:min; without a live version "
        "the best one is served from the start",
        wrong=wrong_order,
        heading="Runs and versions",
    )
    import_runs: list[str] = setting(
        [],
        "runs made elsewhere to take in at the start: mlflow:EXPERIMENT, or a folder of runs; MODEL=… before "
        "it where there are several models",
    )
    loaded_versions: int = setting(
        2, "versions beside the live ones that are kept loaded; the one not used for longest is unloaded"
    )
    on_regression: str = setting(
        OnRegression.REFUSE.value,
        "what becomes of a promotion whose checks find a regression: refuse or warn",
        choices=words_of(OnRegression),
    )

    spool_dir: str | None = setting(
        None,
        "folder for uploads while their request lasts (default: the system's)",
        heading="Files and log",
        is_path=True,
    )
    log_level: str = setting(
        LogLevel.INFO.value,
        "debug, info, warning or error",
        choices=words_of(LogLevel),
        normal=str.lower,
        of="process",
    )
    log_file: str | None = setting(None, "write the log to this file", of="process", is_path=True)
    debug: bool = setting(False, "log more, and show tracebacks in the log at once", short="-d")

    def of(self, model: str) -> Settings:
        """The settings of one model: its own over those of all, its variables beside those of all."""
        own = {name: found for name, found in self.models.get(model, {}).items() if name != SOURCE}
        if not own:
            return self
        where = {name: found.where for name, found in own.items()}
        values = {name: found.value for name, found in own.items()}
        if ENVIRONMENT in values:
            values[ENVIRONMENT] = {**self.environment, **values[ENVIRONMENT]}
        return replace(self, **values, written={**self.written, **where})

    def asked_by(self, asked: Mapping[str, Any]) -> Settings:
        """The settings of one model, with what it asks for by itself where nobody has said otherwise."""
        new = {name: value for name, value in asked.items() if self.written.get(name, OF_MODEL) == OF_MODEL}
        if ENVIRONMENT in asked:
            new[ENVIRONMENT] = {**asked[ENVIRONMENT], **self.environment}
        return replace(self, **new, written={**dict.fromkeys(new, OF_MODEL), **self.written})
