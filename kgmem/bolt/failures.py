"""Errors as Neo4j's codes and GQL status, by which drivers decide, above all, what to retry."""

from typing import Any

from kgmem.bolt.handshake import Version
from kgmem.bolt.packstream import BadPackStream
from kgmem.domain.errors import (
    CommitUnknown,
    Conflict,
    Forbidden,
    InvalidInput,
    KgmemError,
    NotFound,
    OnHold,
    TimedOut,
    TooLarge,
    TooManyLogins,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

Failure = dict[str, Any]
_UNKNOWN = ("Neo.DatabaseError.General.UnknownError", "50N42", "general processing exception - unexpected error")
# The first that fits counts.
_CODES: tuple[tuple[type[Exception], tuple[str, str, str]], ...] = (
    (
        Unauthenticated,
        (
            "Neo.ClientError.Security.Unauthorized",
            "42NFF",
            "syntax error or access rule violation - permission/access denied",
        ),
    ),
    (
        Forbidden,
        (
            "Neo.ClientError.Security.Forbidden",
            "42NFF",
            "syntax error or access rule violation - permission/access denied",
        ),
    ),
    (
        TimedOut,
        (
            "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
            "25N14",
            "invalid transaction state - transaction terminated due to timeout",
        ),
    ),
    (
        TooManyLogins,
        (
            "Neo.ClientError.Security.AuthenticationRateLimit",
            "42NFF",
            "syntax error or access rule violation - permission/access denied",
        ),
    ),
    (
        CommitUnknown,  # A driver must not retry it: it may be stored.
        (
            "Neo.DatabaseError.Transaction.TransactionCommitFailed",
            "2DN01",
            "invalid transaction termination - commit failed",
        ),
    ),
    # Drivers try this again, and go on using the server.
    (
        TooManyRequests,
        ("Neo.TransientError.Request.NoThreadsAvailable", "08000", "connection exception"),
    ),
    (
        Unavailable,
        ("Neo.TransientError.General.DatabaseUnavailable", "08N09", "connection exception - database unavailable"),
    ),
    (
        OnHold,  # A driver must not retry it.
        (
            "Neo.ClientError.Security.Forbidden",
            "42NFF",
            "syntax error or access rule violation - permission/access denied",
        ),
    ),
    (
        Conflict,
        ("Neo.TransientError.Transaction.Outdated", "40N01", "transaction rollback - outdated"),
    ),
    (
        NotFound,
        ("Neo.ClientError.Database.DatabaseNotFound", "22N51", "data exception - database not found"),
    ),
    (
        BadPackStream,
        ("Neo.ClientError.Request.Invalid", "08N06", "connection exception - protocol error"),
    ),
    (
        TooLarge,
        ("Neo.ClientError.Request.Invalid", "08N06", "connection exception - protocol error"),
    ),
    (
        InvalidInput,
        ("Neo.ClientError.Statement.ArgumentError", "22000", "data exception"),
    ),
)
_SYNTAX = ("Neo.ClientError.Statement.SyntaxError", "42001", "syntax error or access rule violation - invalid syntax")
# What the classes of errors of a query are to Neo4j.
_OF_QUERIES = {
    "SyntaxError": _SYNTAX,
    "ParameterMissing": (
        "Neo.ClientError.Statement.ParameterMissing",
        "42N51",
        "syntax error or access rule violation - invalid parameter",
    ),
    "ProcedureError": (
        "Neo.ClientError.Procedure.ProcedureNotFound",
        "42N08",
        "syntax error or access rule violation - no such procedure",
    ),
    "ConstraintVerificationFailed": (
        "Neo.ClientError.Schema.ConstraintValidationFailed",
        "22N80",
        "data exception - index entry conflict",
    ),
    "ConstraintValidationFailed": (
        "Neo.ClientError.Schema.ConstraintValidationFailed",
        "22N80",
        "data exception - index entry conflict",
    ),
    "IndexAlreadyExists": (
        "Neo.ClientError.Schema.IndexAlreadyExists",
        "22N71",
        "data exception - index already exists",
    ),
    "ConstraintAlreadyExists": (
        "Neo.ClientError.Schema.ConstraintAlreadyExists",
        "22N66",
        "data exception - constraint already exists",
    ),
    "IndexNotFound": ("Neo.ClientError.Schema.IndexNotFound", "22N69", "data exception - index does not exist"),
    "ConstraintNotFound": (
        "Neo.ClientError.Schema.ConstraintNotFound",
        "22N68",
        "data exception - constraint does not exist",
    ),
    "EntityNotFound": ("Neo.ClientError.Statement.EntityNotFound", "22N28", "data exception - entity not found"),
    "TypeError": ("Neo.ClientError.Statement.TypeError", "22G03", "data exception - invalid value type"),
    "ArithmeticError": (
        "Neo.ClientError.Statement.ArithmeticError",
        "22003",
        "data exception - numeric value out of range",
    ),
    "ArgumentError": ("Neo.ClientError.Statement.ArgumentError", "22N03", "data exception - invalid argument"),
    # By this code and "in an implicit transaction" clients know that they have to send the query by itself.
    "TransactionStartFailed": (
        "Neo.DatabaseError.Transaction.TransactionStartFailed",
        "25N01",
        "invalid transaction state - invalid mix of transactions",
    ),
    "SemanticError": ("Neo.ClientError.Statement.SemanticError", "42001", _SYNTAX[2]),
    "InvalidBookmark": (
        "Neo.ClientError.Transaction.InvalidBookmark",
        "08N13",
        "connection exception - invalid bookmark",
    ),
    # Drivers try this again, and go on using the server.
    "TooManyConnections": ("Neo.TransientError.Request.NoThreadsAvailable", "08000", "connection exception"),
    "AccessMode": (
        "Neo.ClientError.Statement.AccessMode",
        "25G02",
        "invalid transaction state - read-only transaction",
    ),
}
_CLASSES = {"Neo.ClientError": "CLIENT_ERROR", "Neo.TransientError": "TRANSIENT_ERROR"}


def failure(error: Exception, version: Version) -> Failure:
    """Return an error as the fields of a FAILURE message; of an internal error without details."""
    code, status, description = _classified(error)
    message = str(error) if isinstance(error, KgmemError) else "Internal error; see the log of kgmem."
    return told(code, message, (status, description), version)


def told(code: str, message: str, gql: tuple[str, str], version: Version) -> Failure:
    """Return a code and a message as the fields of a FAILURE message."""
    if version < Version(5, 7):
        return {"code": code, "message": message}
    status, description = gql
    kind = next((word for head, word in _CLASSES.items() if code.startswith(head)), "DATABASE_ERROR")
    return {
        "neo4j_code": code,
        "message": message,
        "gql_status": status,
        "description": f"error: {description}. {message}",
        "diagnostic_record": {
            "OPERATION": "",
            "OPERATION_CODE": "0",
            "CURRENT_SCHEMA": "/",
            "_classification": kind,
        },
    }


def _classified(error: Exception) -> tuple[str, str, str]:
    facts = error.facts if isinstance(error, KgmemError) else {}
    for name in (facts.get("detail"), facts.get("type")):
        if isinstance(name, str) and name in _OF_QUERIES:
            return _OF_QUERIES[name]
    return next((codes for kind, codes in _CODES if isinstance(error, kind)), _UNKNOWN)
