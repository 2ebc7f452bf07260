"""The evaluation's plots as Plotly figures in JSON, and the sentence that tells each of them."""
