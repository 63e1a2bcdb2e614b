"""Texts in other languages than English, read by one set of rules over Universal Dependencies."""
