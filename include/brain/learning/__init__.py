"""Trains models of any use case: splits, search, families, fitting, the skill test and the policy."""
