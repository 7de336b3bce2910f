"""From a snapshot to a calibrated, gated candidate."""
