"""The commands `data`, `train` and `evaluate`."""
