"""Distillation: plan, execute, verify, undo, and what starts it by itself."""
