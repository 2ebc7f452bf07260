"""Turn a trained run into a calibrated ONNX bundle."""
