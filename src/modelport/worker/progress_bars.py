"""Bars of tqdm are the progress of the job that runs; what they draw is not printed."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any, Protocol

from modelport.contract.current_job import ReportType


class Reports(Protocol):
    """Who takes what bars show."""

    def report(self, type: ReportType, data: dict[str, Any]) -> None: ...


class Bars:
    """Watches the bars of this process. `reporter` is who takes what they show; `None`: nobody."""

    def __init__(self) -> None:
        self.reporter: Reports | None = None
        if "tqdm.std" in sys.modules:
            self.replace_display(sys.modules["tqdm.std"])
        else:
            sys.meta_path.insert(0, _TqdmFinder(self))

    def forget(self) -> None:
        """Bars that were never closed are no bars above those that come, and nothing refreshes them."""
        module: Any = sys.modules.get("tqdm.std")
        if module is None:
            return
        monitor, module.tqdm.monitor = module.tqdm.monitor, None
        if monitor is not None:
            monitor.exit()
        module.tqdm._instances.clear()

    def replace_display(self, module: Any) -> None:
        """Let the bars of `tqdm.std` report instead of drawing."""

        def display(bar: Any, msg: str | None = None, pos: int | None = None) -> bool:
            if self.reporter is not None and not getattr(
                bar, "pos", 0
            ):  # the outermost tells how far the job is
                words = str(getattr(bar, "desc", "") or "").removesuffix(": ")
                total = bar.total if isinstance(bar.total, (int, float)) else None
                self.reporter.report("progress", {"done": float(bar.n), "total": total, "message": words})
            return True

        def stay(bar: Any, n: int) -> None:
            """Nothing is drawn, so there is no line to go to."""

        original: Any = module.tqdm.__init__

        @wraps(original)
        def init(bar: Any, *args: Any, **options: Any) -> None:
            if options.get("disable", False) is None:  # "unless this is a terminal": it is seen all the same
                options["disable"] = False
            original(bar, *args, **options)
            bar.fp = _Nowhere()

        module.tqdm.__init__ = init
        module.tqdm.display = display
        module.tqdm.moveto = stay


class _TqdmFinder:
    """Sees `tqdm.std` being imported."""

    def __init__(self, bars: Bars):
        self._bars = bars

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "tqdm.std":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            self._bars.replace_display(module)

        loader.exec_module = exec_module
        return spec


class _Nowhere:
    """What a bar writes to beside what it displays: the ends of lines that nobody began."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """There is nothing."""
