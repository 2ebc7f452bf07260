"""The panels of the window: film, folder, curves, cards."""
