"""What is held of the values of each column while the log is read: bounded, however many there are.

Of numbers a sample is held that is as good as any other of its size (Vitter's algorithm R, 1985), and their
least, largest and mean; of texts how often each came, up to a bound.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from math import isfinite
from random import Random

from modelport.monitoring.reports import Kind
from modelport.monitoring.values import Row, Value

MOST_NUMBERS = 5000  # of a column that are held
MOST_CATEGORIES = 1000
MOST_COLUMNS = 200  # of a version


class Column:
    """The values of one column."""

    def __init__(self, name: str, group: str):
        self.name = name
        self.group = group
        self.numbers = array("d")
        self.number_count = 0
        self.sum = 0.0
        self.least = float("inf")
        self.largest = float("-inf")
        self.categories: Counter[str] = Counter()
        self.text_count = 0
        self.has_more = False  # other categories than those that are counted

    def add(self, value: Value, random: Random) -> None:
        """A value that is not missing."""
        if isinstance(value, float):
            self._add_number(value, random)
            return
        text = str(value).lower() if isinstance(value, bool) else str(value)
        self.text_count += 1
        if text in self.categories or len(self.categories) < MOST_CATEGORIES:
            self.categories[text] += 1
        else:
            self.has_more = True

    def _add_number(self, number: float, random: Random) -> None:
        self.number_count += 1
        self.sum += number
        self.least = min(self.least, number)
        self.largest = max(self.largest, number)
        if len(self.numbers) < MOST_NUMBERS:
            self.numbers.append(number)
        elif (place := random.randrange(self.number_count)) < MOST_NUMBERS:
            self.numbers[place] = number

    @property
    def count(self) -> int:
        """How many values are not missing."""
        return self.number_count + self.text_count

    @property
    def kind(self) -> Kind:
        """What most of its values are."""
        if not self.count:
            return "nothing"
        if self.number_count >= self.text_count:
            return "number"
        is_many = self.has_more or len(self.categories) > max(50, self.text_count // 2)
        return "text" if is_many else "category"

    @property
    def mean(self) -> float | None:
        mean = self.sum / self.number_count if self.number_count else None
        return mean if mean is not None and isfinite(mean) else None


class Columns:
    """The columns of inputs, or of answers, of one version."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.rows: Counter[str] = Counter()  # of each group
        self.left_out = False  # columns that there are beside
        self._random = Random(0)

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows in."""
        for group, values in rows:
            self.rows[group] += 1
            for name, value in values.items():
                column = self.columns.get(name)
                if column is None:
                    if len(self.columns) >= MOST_COLUMNS:
                        self.left_out = True
                        continue
                    column = self.columns[name] = Column(name, group)
                if value is not None and not (isinstance(value, float) and not isfinite(value)):
                    column.add(value, self._random)

    def missing(self, column: Column) -> int:
        """In how many rows of its group it has no value."""
        return max(self.rows[column.group] - column.count, 0)
