"""From champions and the newest rows to probabilities."""
