"""The local engine: every model's workers as supervised processes; of this machine, or where it is told."""

from __future__ import annotations

from modelport.engine.local.worker_process import launch_job as launch_job
