"""The command `predict`: files and folders in, a stream of readings out, resumable."""
