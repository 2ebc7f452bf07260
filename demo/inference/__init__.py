"""Films to readings: the two networks in ONNX Runtime, side by side. No Gradio, no Qt, no Keras."""
