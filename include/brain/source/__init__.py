"""A database to read."""
