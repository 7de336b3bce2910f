"""A market of many assets, a grid of models on it, and days that pass: what the benchmark `day` runs on."""
