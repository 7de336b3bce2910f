"""Data, rivals and metrics of the benchmark `anomalies`."""
