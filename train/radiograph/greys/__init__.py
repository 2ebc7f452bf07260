"""A film's greys: which of its bits and values count, and how they become 8 bits, whatever format it came in."""
