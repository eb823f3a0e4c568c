"""What the protocol says of traces and the log, which are set when the server starts.

Source: Triton's trace and logging extensions.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.dialects.oip.bodies import words


class TraceSetting(msgspec.Struct):
    """Which requests are traced."""

    trace_level: Annotated[list[str], words("OFF, or TIMESTAMPS where requests are traced")]
    trace_rate: Annotated[str, words("One request of so many is traced")]
    trace_count: Annotated[str, words("Always -1: there is no end to it")]
    log_frequency: Annotated[str, words("Always 0: traces go to a collector as they end")]
    trace_file: Annotated[str, words("Always empty: traces go to a collector")]
    trace_mode: Annotated[str, words("Always opentelemetry")]


class LogSetting(msgspec.Struct):
    """What the log says."""

    log_file: Annotated[str, words("Empty where it is the standard error")]
    log_info: bool
    log_warning: bool
    log_error: bool
    log_verbose_level: Annotated[int, words("1 where the log says more than that, else 0")]
    log_format: Annotated[str, words("Always ISO8601")]


class ChangedTraces(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to change what is traced, which is refused."""

    trace_level: Any = None
    trace_rate: Any = None
    trace_count: Any = None
    log_frequency: Any = None
    trace_file: Any = None
    trace_mode: Any = None


class ChangedLog(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to change what the log says, which is refused."""

    log_file: Any = None
    log_info: Any = None
    log_warning: Any = None
    log_error: Any = None
    log_verbose_level: Any = None
    log_format: Any = None
