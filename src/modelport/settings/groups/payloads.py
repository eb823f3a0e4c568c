"""What is kept of predictions, to be looked at later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of
from modelport.settings.values import wrong_duration, wrong_size


class PayloadFormat(StrEnum):
    """What the files of the payload log are."""

    JSON_LINES = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, kw_only=True)
class PayloadSettings:
    """What is kept of predictions, to be looked at later."""

    log_payloads: float = setting(
        0.0,
        "share of the predictions whose inputs and answers are kept, such as 0.01; 0 keeps none",
        most=1,
        heading="Payload log",
        of_model=True,
    )
    payload_dir: str = setting(
        "",
        "folder of the payload log [default: payloads in data_dir; of several servers of a database the "
        "second has payloads-2, and so on]",
        is_path=True,
    )
    payload_format: str = setting(
        PayloadFormat.JSON_LINES.value,
        "jsonl, or parquet for files that are full (needs the extra table)",
        choices=words_of(PayloadFormat),
        normal=str.lower,
    )
    payload_hide: list[str] = setting(
        [],
        "fields and columns whose values are not kept, such as name and address; * for all values",
        of_model=True,
    )
    payload_max_size: str = setting(
        "64k", "largest input, and answer, that is kept; of a larger one its size and type", wrong=wrong_size
    )
    payload_file_size: str = setting(
        "16M", "size of a file of the payload log, after which the next one begins", wrong=wrong_size
    )
    payload_file_time: str = setting(
        "15m",
        "with files_url: how long a file of the payload log is added to, before other servers can see it; "
        "0 for any time",
        wrong=wrong_duration,
    )
    payload_keep_size: str = setting(
        "256M",
        "size of the payload log in all, above which the oldest files go; 0 for no limit",
        wrong=wrong_size,
    )
    payload_keep: str = setting(
        "30d", "how long the files of the payload log are kept; 0 for ever", wrong=wrong_duration
    )
