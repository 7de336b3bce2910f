"""A whole machine with its Airflow, on a small made-up market: what is done to it, and what must hold of it."""
