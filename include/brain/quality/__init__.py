"""The gate rows must pass before training and before publishing."""
