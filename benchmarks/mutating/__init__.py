"""Small mutations of the code, and whether the tests of its folder notice them; see benchmarks/mutants.py."""
