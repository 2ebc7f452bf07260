"""The report of a reading, as HTML and PDF."""
