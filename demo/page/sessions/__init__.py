"""What the server remembers of a visitor: under an id that it made itself, for that visitor, and only so much."""
