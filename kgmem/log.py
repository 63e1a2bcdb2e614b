"""Logs: an event is a key with fields, so that a log store can count and filter it.

`log.warning("import_deferred", import_id=7, error=error)` writes `import_deferred import_id=7 error='...'` wherever a
program that uses kgmem sends its logs by the standard library, and the server writes the fields as fields of a line of
JSON (kgmem_api/server.py). docs/operations.md lists the events.
"""

import logging
from collections.abc import Mapping


class EventLog:
    """Logs events under one name of the standard library's loggers."""

    def __init__(self, name: str) -> None:
        """Take the name of the logger, usually the module's."""
        self._logger = logging.getLogger(name)

    def debug(self, event: str, /, **fields: object) -> None:
        """Log details for the search of an error."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log a normal event."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log a failure that is retried, or that somebody should look at."""
        self._log(logging.WARNING, event, fields)

    def crash(self, event: str, failure: BaseException, /, **fields: object) -> None:
        """Log an unexpected error, with its traceback."""
        self._log(logging.ERROR, event, fields, failure)

    def _log(self, level: int, event: str, fields: Mapping[str, object], failure: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            told = {name: str(value) if isinstance(value, BaseException) else value for name, value in fields.items()}
            text = " ".join([event, *(f"{name}={value!r}" for name, value in told.items())])
            own = {"kgmem_event": event, "kgmem_fields": told}
            self._logger.log(level, "%s", text, exc_info=failure, extra=own, stacklevel=3)
