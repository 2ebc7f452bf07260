"""One colour per network, the same on the page, in the plots and in the report."""

NETWORK_COLOURS = {"a": "#0b6bcb", "b": "#b45309"}  # both at least 4.5:1 on white
