"""Benchmarks: one question a script, each beside a raw baseline that is measured in the same run."""
