"""Recommendations: for every customer of a shop what to show her, as rows of a table."""
