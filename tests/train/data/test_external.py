"""Another hospital's films: where they are looked for, and that no film of the run's own is among them."""

import pytest

from train.common.errors import UsageError
from train.data.cohort import Cohort, CohortError, index_cohort
from train.data.external import external_folder, read_external


@pytest.fixture
def own(phantom_root):
    return index_cohort(phantom_root)


def external_films(folder, phantom_root, own, rename=lambda name: f"other-{name}", more=b"\0"):
    films = [*own.of_split("train")[:3], *own.of_split("train")[-3:]]
    rows = ["path,label,patient,age,sex,split,kind"]
    for film in films:
        name = rename(film.path.rsplit("/", 1)[1])
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes((phantom_root / film.path).read_bytes() + more)
        rows.append(f"{name},{film.label},{film.patient},47,F,external,covid")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_every_film_is_external_and_further_columns_are_let_be(tmp_path, phantom_root, own):
    cohort = read_external(external_films(tmp_path / "there", phantom_root, own), own)
    assert len(cohort.films) == 6
    assert {film.split for film in cohort.films} == {"external"}
    assert {film.label for film in cohort.films} == {0, 1}
    # In the run's own table they would be a mistake.
    with pytest.raises(CohortError, match="age"):
        index_cohort(tmp_path / "there")


@pytest.mark.parametrize("rename", [lambda name: name, lambda name: f"other-{name}"])
def test_a_film_of_the_runs_own_split_is_refused_wherever_it_lies_by_whatever_name(tmp_path, phantom_root, own, rename):
    folder = external_films(tmp_path / "there", phantom_root, own, rename, more=b"")
    with pytest.raises(UsageError, match=r"is a film of the run's own split \(chest_xray/train/"):
        read_external(folder, own)
    with pytest.raises(UsageError, match="own split"):
        read_external(phantom_root, own)
    # The same name alone is no fault: phantoms of another seed are named alike.
    for path in folder.glob("*.png"):
        path.write_bytes(path.read_bytes() + b"\0")
    assert len(read_external(folder, own).films) == 6


def test_the_data_root_has_them_or_they_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"no external films.*--external-root"):
        external_folder(None, tmp_path)
    (tmp_path / "external").mkdir()
    assert external_folder(None, tmp_path) == tmp_path / "external"
    assert external_folder(tmp_path, tmp_path) == tmp_path
    with pytest.raises(UsageError, match="is not a folder"):
        external_folder(tmp_path / "nowhere", tmp_path)


def test_a_cohort_that_is_not_there_can_have_no_film_in_common(tmp_path, phantom_root, own):
    folder = external_films(tmp_path / "there", phantom_root, own, rename=lambda name: name)
    assert len(read_external(folder, Cohort(tmp_path / "gone", own.films)).films) == 6
