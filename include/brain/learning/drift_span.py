"""How many rows drift looks at, and how often it is wrong; without NumPy, for tables that only tell of it."""

WINDOW = 63  # rows: a quarter of trading days
RATE = 0.05  # share of spans of `WINDOW` rows in which nothing has changed and an alarm is raised
