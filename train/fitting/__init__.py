"""Keras: films to batches, stages to a network, a network to scores. Knows no `evaluation`."""
