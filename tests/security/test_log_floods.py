"""Lines that strangers cause: a few of each kind are written, and told is how many were not."""

from __future__ import annotations

import logging

from modelport.security.log_floods import MOST_LINES, SECONDS, Sparingly


class Written(logging.Handler):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_few_of_each_kind_are_written_and_the_others_counted() -> None:
    now = [1000.0]
    log, written = logging.Logger("a log"), Written()
    log.addHandler(written)
    log.addFilter(Sparingly(lambda: now[0]))
    for number in range(MOST_LINES + 7):
        log.warning("refused %d", number)
    assert written.lines == [f"refused {number}" for number in range(MOST_LINES)]
    log.warning("another kind")
    for _ in range(MOST_LINES + 1):
        log.error("ours")
    assert written.lines[MOST_LINES:] == ["another kind", *["ours"] * (MOST_LINES + 1)]
    now[0] += SECONDS
    log.warning("refused %d", 1)
    log.warning("refused %d", 2)
    assert written.lines[-2:] == ["refused 1 (and 7 more like it before, not written)", "refused 2"]
