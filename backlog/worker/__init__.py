"""Workers: they claim cards, see to them, keep their leases and tell how it ended.

`Worker` calls a function of yours for each card; `backlog work` runs a command. `engine` decides
when to claim and when to stop, `lease` is a card that is held and how its end is told, `link` the
way to the store. Of commands: `worker`, `attempt` (one card), `command` (the process), `outcome`
(what its end means). Of functions: `functions`, `task` (one card), `job` (what one is given).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backlog.worker.functions import Worker
    from backlog.worker.job import Blocked, GiveBack, Job

__all__ = ["Blocked", "GiveBack", "Job", "Worker"]


def __getattr__(name: str) -> Any:
    # When asked for: the command, and the process that stands by it, start without these.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from backlog.worker import functions, job

    return getattr(functions if name == "Worker" else job, name)
