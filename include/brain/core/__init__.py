"""What every step shares: settings, catalogue, keys, errors."""
