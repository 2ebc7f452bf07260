"""What the stored evaluation says of a reading: at a threshold, on known films, beside the published study."""
