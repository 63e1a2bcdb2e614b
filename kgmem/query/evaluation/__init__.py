"""Expressions, computed: each becomes a function of a row."""

from kgmem.query.evaluation.compiler import compile_expression
from kgmem.query.evaluation.environment import Clock, Compute, Environment, Row

__all__ = ["Clock", "Compute", "Environment", "Row", "compile_expression"]
