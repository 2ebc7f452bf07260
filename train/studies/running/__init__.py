"""A study's trainings, run: the queue in its storage, and the workers that claim from it."""
