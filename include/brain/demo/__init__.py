"""Real market data, loaded into the source database."""
