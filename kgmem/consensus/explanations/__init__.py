"""Explanations of the claims, and the one with most evidence."""
