"""A newcomer with the README: `python -m benchmarks.newcomer`."""
