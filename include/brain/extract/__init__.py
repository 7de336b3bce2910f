"""From source tables to immutable snapshots in the lake."""
