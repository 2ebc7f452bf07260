"""Where training runs: the backend and its device, and several devices or processes that share a training."""
