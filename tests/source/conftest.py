"""Databases and tables as extraction's tests have them."""

from tests.extract.conftest import duckdb, lake, market, postgres, shared_postgres, sqlite

__all__ = ["duckdb", "lake", "market", "postgres", "shared_postgres", "sqlite"]
