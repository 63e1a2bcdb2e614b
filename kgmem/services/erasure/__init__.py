"""Erasure of persons and scopes, and its signed reports."""
