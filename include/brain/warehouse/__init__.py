"""From probabilities to the published tables, in one transaction."""
