"""The page's panels, one file a panel, each with its style sheet."""
