"""Real daily prices of 26 assets, read from pip packages: nothing is generated, nothing is downloaded."""
