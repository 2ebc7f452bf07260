"""Radiographs read with ONNX Runtime: the command line, the page, the window and the API."""
