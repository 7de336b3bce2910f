"""A fleet of models over many assets, on servers of its own: what the store and scoring benchmarks run on."""
