"""Settings as keyword arguments, for type checkers: written by `make docs`, from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class ModelSettings(TypedDict, total=False):
    """Settings that one model may have otherwise."""

    trust: bool
    format: str | None
    workers: int
    min_workers: int
    max_workers: int
    scale_down_after: str
    devices: list[str]
    threads: int
    environment: dict[str, str]
    max_concurrency: int
    max_batch_size: int
    max_wait_ms: float | None
    queue_size: int
    timeout: float
    stream_idle_timeout: float
    stream_timeout: float
    load_timeout: float
    memory_limit: str
    idle_unload: str
    ray_cpus: float
    ray_gpus: float
    ray_memory: str
    ray_resources: dict[str, str]
    job_workers: int
    log_payloads: float
    payload_hide: list[str]


class AppSettings(TypedDict, total=False):
    """Settings of an application: `create_app`."""

    model_settings: Mapping[str, ModelSettings]
    model_name: str | None
    trust: bool
    format: str | None
    default_model: str | None
    base_path: str
    auth: str | None
    open_documents: bool
    open_metrics: bool
    rate: str | None
    max_calls_at_once: int
    max_queued_jobs_per_principal: int
    bytes_per_day: str | None
    limits: dict[str, str]
    rate_per_address: str | None
    max_wrong_credentials: int
    keep_usage: str
    oidc_issuer: str | None
    oidc_audience: list[str]
    oidc_scopes: dict[str, str]
    oidc_algorithms: list[str]
    oidc_client_id: str | None
    oidc_client_secret: str | None
    oidc_login_scopes: list[str]
    oidc_command_client_id: str | None
    oidc_command_scopes: list[str]
    public_url: str | None
    workers: int
    min_workers: int
    max_workers: int
    scale_down_after: str
    devices: list[str]
    threads: int
    environment: dict[str, str]
    max_concurrency: int
    max_batch_size: int
    max_wait_ms: float | None
    queue_size: int
    timeout: float
    stream_idle_timeout: float
    stream_timeout: float
    load_timeout: float
    drain_timeout: float
    kill_grace: float
    warm: bool
    memory_limit: str
    idle_unload: str
    keep_going: bool
    reload: bool
    engine: str
    ray_address: str
    ray_host: str | None
    ray_port: int
    ray_advertise: str | None
    ray_cpus: float
    ray_gpus: float
    ray_memory: str
    ray_resources: dict[str, str]
    client_max_size: int
    json_max_size: int
    json_depth: int
    max_body_memory: int
    max_message_size: int
    max_table_cells: int
    max_table_columns: int
    max_table_rows: int
    max_table_bytes: int
    predict_endpoint: bool
    train_endpoint: bool
    doc_endpoint: bool
    page_endpoint: bool
    debug_endpoint: bool
    stringify_predictions: bool
    allow_nan: bool
    hide_model_errors: bool
    allow_url_inputs: bool
    allow_client_shm: bool
    openwhisk: bool
    allow_origins: list[str]
    frame_origins: list[str]
    allow_hosts: list[str]
    envelope: bool
    mode: str
    min_batch_len: int
    batch_worker_timeout: float
    ttl_client_wait: float
    is_long_predict: bool
    ttl_predicted_data: float
    throttling_max_requests: int | None
    throttling_max_request_len: int | None
    data_dir: str
    adopt: bool
    database_url: str | None
    files_url: str | None
    files_copies_size: str
    files_link_seconds: int
    poll_seconds: float
    job_workers: int
    max_queued_jobs: int
    max_queued_jobs_in_all: int
    job_attempts: int
    cancel_grace: float
    keep_jobs: str
    webhook_secret: str | None
    allow_private_callbacks: bool
    callback_ports: list[str]
    best_by: str | None
    import_runs: list[str]
    loaded_versions: int
    on_regression: str
    spool_dir: str | None
    debug: bool
    metrics: bool
    traces: str | None
    trace_sample: float | None
    log_payloads: float
    payload_dir: str
    payload_format: str
    payload_hide: list[str]
    payload_max_size: str
    payload_file_size: str
    payload_file_time: str
    payload_keep_size: str
    payload_keep: str


class ServerSettings(AppSettings, total=False):
    """And those of its server: `running`."""

    host: str
    port: int
    grpc_port: int | None
    uds: str | None
    uds_mode: str
    root_path: str
    tls_cert: str | None
    tls_key: str | None
    tls_key_password_file: str | None
    tls_key_password: str | None
    tls_client_ca: str | None
    tls_client_certs: str
    tls_clients: dict[str, str]
    trusted_proxies: list[str]
    proxy_headers: list[str]
    proxy_user_header: str | None
    proxy_user_scopes: str | None
    max_header_bytes: int
    max_headers: int
    max_request_line: int
    header_timeout: float
    body_timeout: float
    body_deadline: float
    min_body_rate: float
    grpc_max_message: int
    max_answer_memory: int
    max_connections: int
    max_connections_per_address: int | None
    write_timeout: float
    keep_alive: float
    idle_exit: str
    metrics_port: int | None
    metrics_host: str


class ProcessSettings(ServerSettings, total=False):
    """And those of the process: `serve`."""

    server_processes: int
    log_level: str
    log_file: str | None
    log_format: str
    access_log: str
    access_log_file: str | None
