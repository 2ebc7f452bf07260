"""How good a run is: figures with intervals, thresholds, robustness, two runs compared. Knows no `fitting`."""
