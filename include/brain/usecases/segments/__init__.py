"""Segments: customers in named groups, and what each is expected to buy, from a table of orders."""
