"""Recall: questions, retrievers' rankings, fusion, selection and answers."""
