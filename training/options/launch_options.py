"""Options of training.launch."""

from __future__ import annotations

from dataclasses import dataclass

from tf_i2i.command_line import option


@dataclass(frozen=True)
class LaunchOptions:
    """How many processes, and how often they are restarted."""

    workers: int = option(2, "processes", group="cluster", minimum=1)
    restarts: int = option(
        3, "restarts of all processes after one was lost", group="cluster", minimum=0
    )
