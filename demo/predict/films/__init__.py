"""What a user names → the films to read: paths, folders, patterns, manifests, URLs, and how they are called."""
