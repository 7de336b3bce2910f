"""What the docs tests forgive. A test fails as soon as an entry is not needed any more."""

PATHS_TO_COME = {
    "tests/lake/fixtures/format_2",  # a recipe: where the fixture goes when a format 3 comes
}
