"""The Brain page in Airflow's UI: a read-only JSON API behind Airflow's login, and the front end that shows it."""
