"""A fitted pipeline, its ONNX bytes, and what it says of rows."""
