"""Who is let in: passwords that are stored as hashes, tokens that expire, guesses that are slowed down."""
