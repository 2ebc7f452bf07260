"""The way to a reading: who waits, whose turn it is, and how many may."""
