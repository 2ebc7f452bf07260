"""What the window has done in threads."""
