"""`pneumoscope study`: list, show, run, status, report."""
