"""A training that prints a thousand lines a second."""

from __future__ import annotations

import time

import modelport


class Chatty(modelport.Model):
    def predict(self) -> int:
        return 0

    def train(self, lines: int = 1000) -> int:
        began = time.perf_counter()
        for number in range(lines):
            ahead = began + number / 1000 - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            print(f"line {number}")
        return lines
