"""Use cases of recall: questions, views and evaluation."""
