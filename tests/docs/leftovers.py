"""What the docs tests forgive. A test fails as soon as an entry is not needed any more."""

PATHS_TO_COME: set[str] = set()

WORDS_OF_DIRECTION = {  # by file and word, why it may stand there
    ("include/brain/lake/format_1.py", "RETURNS"): "reads what an older release wrote",
    ("include/brain/store/format_1.py", "horizon"): "reads what an older release wrote",
    ("include/brain/cli.py", "RETURNS"): "help for people: what a target looks like",
    ("include/brain/cli_models.py", "RETURNS"): "help for people: what a target looks like",
}

LONG_FUNCTIONS: set[tuple[str, str]] = set()
