"""Stopping: tasks that go on whatever fails have to end when they are told to, whatever fails then."""

import asyncio


def told_to_stop() -> bool:
    """Say whether this task was cancelled, where an error on the way out came in the place of its CancelledError.

    Cleaning up may fail too: a connection that breaks while it is given back raises an error of its own.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
