"""Many films at once: uploads, ZIP archives, the table."""
