"""The Gradio page, its server and its API."""
