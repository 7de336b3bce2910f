"""The model store: versioned documents and verified artifacts in MongoDB."""
