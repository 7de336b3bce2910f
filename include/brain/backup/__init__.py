"""Backup and restore of the brain, the lake and the warehouse, to one point in time."""
