"""Other tools, run in a virtual environment of their own so that ours stays as locked."""
