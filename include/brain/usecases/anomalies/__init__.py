"""Anomalies: what is strange in bars or in a sensor's readings, told once."""
