"""Dates, times and durations as ISO 8601, the same for the same moment, whatever type holds it."""

from __future__ import annotations

from typing import Any, cast

DAY = 86400  # seconds
SECONDS = {"W": 604800, "D": DAY, "h": 3600, "m": 60, "s": 1}
DIGITS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}
NAT = -(2**63)


def date_text(value: Any) -> str:
    """A date, a time or both, also of pandas, with all of its digits; UTC is `Z`."""
    text: str = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def duration_text(value: Any) -> str:
    """A duration, also of pandas: days, hours, minutes and seconds, such as `P1DT2H0.5S`."""
    micros = (value.days * DAY + value.seconds) * 1_000_000 + value.microseconds
    return duration_of(micros * 1000 + getattr(value, "nanoseconds", 0), 9)


def duration_of(count: int, digits: int) -> str:
    """The duration of `count` parts of a second; `digits` says how small they are (9: nanoseconds)."""
    seconds, part = divmod(abs(count), 10**digits)
    days, seconds = divmod(seconds, DAY)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f"{part:0{digits}d}".rstrip("0") if part else ""
    time = f"{hours}H" if hours else ""
    time += f"{minutes}M" if minutes else ""
    if seconds or fraction or not (days or time):
        time += f"{seconds}.{fraction}S" if fraction else f"{seconds}S"
    sign = "-" if count < 0 else ""
    return f"{sign}P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def _moment_text(text: str, unit: str) -> str | None:
    """What numpy writes for a `datetime64` of a unit, as `date_text` writes it; `None` for NaT."""
    if text == "NaT":
        return None
    if unit in ("Y", "M"):
        return text + {"Y": "-01-01", "M": "-01"}[unit]
    if unit in ("h", "m"):
        return text + {"h": ":00:00", "m": ":00"}[unit]
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return whole
    size = max(6, -(-len(fraction) // 3) * 3)
    return f"{whole}.{fraction:0<{size}}"


def moments_of(flat: Any) -> list[Any]:
    """The elements of an array of `datetime64` of one axis, as `date_text` writes them; None for NaT."""
    import numpy

    unit = numpy.datetime_data(flat.dtype)[0]
    if unit == "generic":
        return [None] * len(flat)  # only NaT has no unit
    texts = cast("list[str]", cast("Any", numpy.datetime_as_string(flat)).tolist())
    return [_moment_text(text, unit) for text in texts]


def durations_of(flat: Any) -> list[Any]:
    """The elements of an array of `timedelta64` of one axis, as `duration_text` writes them; None for NaT."""
    import numpy

    unit, count = numpy.datetime_data(flat.dtype)
    return [None if one == NAT else _duration(one * count, unit) for one in flat.astype("int64").tolist()]


def _duration(count: int, unit: str) -> Any:
    if unit in SECONDS:
        return duration_of(count * SECONDS[unit], 0)
    if unit in DIGITS:
        return duration_of(count, DIGITS[unit])
    if unit in ("Y", "M"):  # which are of no fixed length
        return f"{'-' if count < 0 else ''}P{abs(count)}{unit}"
    return count
