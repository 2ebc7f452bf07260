"""Films that `evaluate` reads beside a run's own."""

import pytest


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Another hospital's films: phantoms of another seed."""
    from train.synthetic.phantom_folder import make_phantoms

    folder = tmp_path_factory.mktemp("elsewhere") / "films"
    make_phantoms(folder, count_per_class=30, seed=7, image_size=64)
    return folder
