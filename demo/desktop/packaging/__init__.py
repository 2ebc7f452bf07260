"""How the app becomes a folder that needs no Python: what goes in, what stays out."""
