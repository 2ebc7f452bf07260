"""The desktop app: a native window (Qt for Python) on the same classifier and comparison as the page."""
