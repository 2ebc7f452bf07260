"""The Compare panel: a film in its viewer, what both networks say of it, and what is saved of that."""
