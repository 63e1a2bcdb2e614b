"""Erasure: where texts of a person are, what becomes of each row, and that the pages of tables lose them."""
