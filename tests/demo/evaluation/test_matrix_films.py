import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from demo.evaluation.matrix_films import CELLS, films_of_cell
from export.bundle.scores import BundleScores

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda value: value / 20)), min_size=1, max_size=30)


@given(rows, st.integers(0, 20).map(lambda value: value / 20))
def test_the_cells_share_the_films_out(films, threshold):
    labels, probabilities = map(np.array, zip(*films, strict=True))
    names = tuple(f"{row}.png" for row in range(len(films)))
    cells = {cell: films_of_cell(BundleScores(names, labels, probabilities), threshold, cell) for cell in CELLS}
    (tn, fp), (fn, tp) = confusion_matrix(labels, probabilities >= threshold, labels=[0, 1])
    assert {cell: len(found) for cell, found in cells.items()} == {"tp": tp, "fn": fn, "fp": fp, "tn": tn}
    assert sorted(film.film for found in cells.values() for film in found) == sorted(names)
    for found in cells.values():
        distances = [abs(film.probability - threshold) for film in found]
        assert distances == sorted(distances)
