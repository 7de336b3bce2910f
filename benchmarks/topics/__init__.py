"""What the benchmark of bars kills, and how it counts."""
