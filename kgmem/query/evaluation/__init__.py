"""Expressions, computed: each becomes a function of a row."""

from kgmem.query.evaluation.compiler import compile_expression
from kgmem.query.evaluation.environment import Clock, Compute, Row, Setting

__all__ = ["Clock", "Compute", "Row", "Setting", "compile_expression"]
