"""Figures from scores and labels: operating points, intervals, calibration error. No file of films, no network."""
