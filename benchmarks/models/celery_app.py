"""The small model as a task of Celery, and who sends it: `python celery_app.py TASKS THREADS`."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

url = os.environ["BENCH_REDIS"]
app = Celery("bench", broker=url, backend=url)
app.conf.task_ignore_result = False


@app.task(name="predict")
def predict(values: list[float], threshold: float) -> dict[str, object]:
    """What `small_typed` predicts."""
    total = sum(values)
    return {"total": total, "above": total > threshold}


def main(tasks: int, threads: int) -> None:
    """Send so many, and wait until each has its result; prints how many a second."""
    predict.delay([1.0], 1.0).get(timeout=60)  # the workers are there
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        sent = list(pool.map(lambda _: predict.delay([1.5, 2.5, 3.5, 4.5], 10.0), range(tasks)))
        for one in sent:
            assert one.get(timeout=120)["total"] == 12.0
    print(tasks / (time.perf_counter() - began))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
