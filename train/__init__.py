"""Read radiographs, make cohorts, train and evaluate the two networks."""
