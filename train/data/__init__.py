"""Cohorts: which films there are, how they are split, fetched, checked and changed."""
