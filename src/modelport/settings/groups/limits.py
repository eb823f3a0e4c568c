"""What a client may cost."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.sizes import MIB, TABLE_BYTES, TABLE_CELLS, TABLE_COLUMNS, TABLE_ROWS


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """What a client may cost."""

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
    grpc_max_message: int = setting(
        64 * MIB, "largest message by gRPC; larger ones are answered RESOURCE_EXHAUSTED", of="server"
    )
    max_answer_memory: int = setting(
        64 * MIB,
        "bytes of answers that clients have not read yet, all together; the slowest are cut then",
        of="server",
    )
    max_message_size: int = setting(
        MIB, "largest message of a stream; a larger one closes its WebSocket", least=1, most=16 * MIB
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
