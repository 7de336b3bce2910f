"""The Brain page in a real Airflow, seen by a real browser: for its benchmark and its tests."""
