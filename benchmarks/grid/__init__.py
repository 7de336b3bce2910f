"""Grids of cells trained as the pipeline trains them, on real series and on series whose truth is known."""
