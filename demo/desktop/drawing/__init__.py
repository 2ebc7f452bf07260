"""How films, plots and words are drawn with Qt."""
