"""Distillation: texts of a scope become fewer and shorter ones that state the same, and the proof that they do."""
