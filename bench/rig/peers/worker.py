"""The process of one peer: reads one JSON request a line, does the task, answers one JSON line.

Started as `python -m bench.rig.peers.worker NAME FOLDER DATA`. A request is {"task": ..., "value": ...}; an answer
has the seconds that the task alone took and what it found, or `cannot` or `error` with the reason.
"""

import importlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.rig.peers.data import CannotError, Shared


def main() -> None:
    """Answer requests until there are none."""
    name, folder, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # What a peer prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    shared = Shared.read(data)
    adapter: Any = None
    answer: dict[str, Any]
    for line in sys.stdin:
        request = json.loads(line)
        task, value = request["task"], request.get("value")
        try:
            started = time.perf_counter()
            if task == "open":
                adapter = importlib.import_module(f"bench.rig.peers.adapters.{name}").Adapter(folder, shared)
                found = getattr(adapter, "note", None)
            elif task == "callers":
                found = _callers(adapter, value["callers"], value["questions"])
            elif task == "processes":
                found = _processes(adapter)
            else:
                found = getattr(adapter, task)(*([] if value is None else [value]))
            answer = {"seconds": time.perf_counter() - started, "found": found}
            if task == "open":
                answer["processes"] = _processes(adapter)
        except CannotError as reason:
            answer = {"cannot": str(reason)}
        except Exception as error:
            # Whatever a peer raises is its result, and the next task is tried all the same.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    if hasattr(adapter, "end"):
        adapter.end()


def _processes(adapter: Any) -> list[int]:
    """Return those that a peer runs besides this one."""
    return adapter.processes() if hasattr(adapter, "processes") else []


def _callers(adapter: Any, callers: int, questions: int) -> float:
    """Return the hybrid recalls a second of several callers at once."""
    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(adapter.hybrid, range(questions)))
    return questions / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
