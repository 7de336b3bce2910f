"""Immutable, hashed snapshots of what was read."""
