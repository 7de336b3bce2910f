"""Asset tables of any size in a PostgreSQL of their own."""
