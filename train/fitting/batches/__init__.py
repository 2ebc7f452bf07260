"""Batches of prepared films, as a network in training takes them."""
