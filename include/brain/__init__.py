"""Brain: one model per asset and horizon, served as a table."""
