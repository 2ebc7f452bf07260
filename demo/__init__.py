"""Classify radiographs with ONNX Runtime: command line and, later, page and desktop."""
