"""Reading films and running the networks in a visitor's own browser: ES modules, and what they take from npm."""
