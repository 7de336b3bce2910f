"""PostgreSQL, MongoDB and Airflow on one machine, from pip-installed binaries."""
