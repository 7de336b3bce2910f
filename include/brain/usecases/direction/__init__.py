"""Is Close not lower N rows later? One model for each asset and horizon."""
