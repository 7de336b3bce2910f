"""Series whose truth is known, for benchmarks and tests."""
