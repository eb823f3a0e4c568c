"""What is served, and where."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.values import wrong_format, wrong_host, wrong_mode, wrong_path


@dataclass(frozen=True, kw_only=True)
class AddressSettings:
    """What is served, and where."""

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
    grpc_port: int | None = setting(
        None,
        "answer the Open Inference Protocol by gRPC, too, at this port of the host; 0 takes a free one",
        most=65535,
        of="server",
    )
    server_processes: int = setting(
        1,
        "processes that read and answer requests, for machines where one core is not enough for that; they "
        "share the address, the workers, the jobs and the limits",
        least=1,
        most=64,
        why="at least one process must answer",
        of="process",
    )
    uds: str | None = setting(
        None,
        "listen on a Unix socket at this path, instead of an address and port",
        of="server",
        is_path=True,
    )
    uds_mode: str = setting(
        "600", "who may use the Unix socket, as file permissions in octal", of="server", wrong=wrong_mode
    )
    base_path: str = setting("", "path under which everything is served", wrong=wrong_path)
    root_path: str = setting(
        "",
        "path that a proxy cuts off before it asks this server; links and documents have it",
        of="server",
        wrong=wrong_path,
    )
