"""Flows: written while they run, so that every process shows them, and those of a process that was killed."""
