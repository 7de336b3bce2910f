"""The only package below dags/ that knows Airflow."""
