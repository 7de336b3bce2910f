"""What the benchmark `customers` measures, a part a module."""
