"""The categories that an encoder was fitted on, and the cells of a request that are none of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from modelport.contract.arrays.findings import MAX_FINDINGS, Fault, Step, listed
from modelport.sources.frameworks.sklearn_columns import listed_values, positions_of
from modelport.sources.frameworks.sklearn_parts import first_steps

MOST_TOLD = 12  # categories in one message
MOST_LETTERS = 40  # of one of them


def known_categories(model: Any, width: int) -> dict[int, list[Any]]:
    """The categories by the number of the column, where an encoder takes no others."""
    found: dict[int, list[Any]] = {}
    for step in first_steps(model):
        if hasattr(step, "transformers_"):
            names: list[str] = [str(name) for name in getattr(step, "feature_names_in_", [])]
            for _, part, chosen in step.transformers_:
                if isinstance(part, str):
                    continue
                positions = positions_of(chosen, names, width)
                inner = known_categories(part, len(positions))
                found |= {positions[number]: values for number, values in inner.items()}
        elif getattr(step, "handle_unknown", None) == "error":
            categories: Any = getattr(step, "categories_", None)
            if isinstance(categories, list) and len(cast("list[Any]", categories)) == width:
                found |= {n: listed_values(values) for n, values in enumerate(cast("list[Any]", categories))}
    return found


def unknown_cells(rows: Any, categories: dict[int, list[Any]]) -> list[tuple[int, Step, Fault]]:
    """The cells of an array or a DataFrame that are in no category, with what is known instead."""
    found: list[tuple[int, Step, Fault]] = []
    for number, known in categories.items():
        is_frame = hasattr(rows, "iloc")
        column: list[Any] = (rows.iloc[:, number] if is_frame else rows[:, number]).tolist()
        step: Step = str(rows.columns[number]) if is_frame else number
        for row, value in enumerate(column):
            if not _is_one_of(value, known):
                found.append((row, step, ("enum", f"Input should be one of {_told(known)}")))
                if len(found) == MAX_FINDINGS:
                    return found
    return found


def _is_one_of(value: Any, known: list[Any]) -> bool:
    if value in known:
        return True
    return value != value and any(one != one for one in known)  # NaN is a category that equals nothing


def _told(known: list[Any]) -> str:
    return listed([_shown(value)[:MOST_LETTERS] for value in known], MOST_TOLD)


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
