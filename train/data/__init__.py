"""Cohorts: which films there are, how they are split, fetched, checked, changed and read for a network."""
