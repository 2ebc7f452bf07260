"""The plots of the page: Plotly figures as plain dicts, made from numbers."""
