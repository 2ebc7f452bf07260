import hashlib
import os
import random
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.common.errors import UsageError
from train.data.check import check_cohort
from train.data.cohort import (
    Cohort,
    CohortError,
    Film,
    index_cohort,
    left_out_files,
    patient_id,
    read_split,
    split_cohort,
    subtype_of,
    write_split,
)

NAMES = {
    "train/NORMAL": ["IM-0115-0001.jpeg", "IM-0116-0001.jpeg", "NORMAL2-IM-0115-0001.jpeg"],
    "train/PNEUMONIA": ["person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg", "person2_virus_3.jpeg"],
    "val/NORMAL": ["NORMAL2-IM-1427-0001.jpeg"],
    "val/PNEUMONIA": ["person1946_bacteria_4874.jpeg"],
    "test/NORMAL": ["IM-0001-0001.jpeg"],
    "test/PNEUMONIA": ["person1_virus_6.jpeg"],
}


@pytest.fixture
def root(tmp_path):
    """A chest_xray folder whose films are never opened by indexing."""
    for folder, names in NAMES.items():
        place = tmp_path / "chest_xray" / folder
        place.mkdir(parents=True)
        for name in names:
            (place / name).touch()
    return tmp_path


def table_root(tmp_path, text, films=("a.png", "b.png")):
    for film in films:
        (tmp_path / film).touch()
    (tmp_path / "cohort.csv").write_text(text)
    return tmp_path


def synthetic(patients_per_class, seed=0, test_patients=3):
    """A cohort in memory: every patient has one to six films."""
    draw = random.Random(seed)
    films = []
    for label in (0, 1):
        for number in range(patients_per_class + test_patients):
            split = "test" if number >= patients_per_class else draw.choice(["train", "validation"])
            patient = f"{'nb'[label]}{number}"
            films += [
                Film(f"{patient}-{index}.png", patient, label, split, "unknown" if label else "normal")
                for index in range(draw.randint(1, 6))
            ]
    return Cohort(Path("films"), tuple(sorted(films, key=lambda film: film.path)))


class TestNames:
    @pytest.mark.parametrize(
        ("name", "patient"),
        [
            ("person123_bacteria_4.jpeg", "person123"),
            ("person1_virus_11_2.jpeg", "person1"),
            ("IM-0115-0001.jpeg", "IM-0115"),
            ("IM-0429-0001-0001.jpeg", "IM-0429"),
            ("NORMAL2-IM-0650-0001.jpeg", "NORMAL2-IM-0650"),
            ("NORMAL2-IM-0650-0001-0002.jpeg", "NORMAL2-IM-0650"),
            ("BACTERIA-1008087-0001.jpeg", "1008087"),
            ("BACTERIA-1008087-0002.jpeg", "1008087"),
            ("VIRUS-1008087-0001.jpeg", "1008087"),
            ("NORMAL-28501-0001.jpeg", "28501"),
            ("chest_xray/train/NORMAL/NORMAL-28501-0002.jpeg", "28501"),
            ("BACTERIA-1008087.jpeg", "BACTERIA-1008087"),
            ("phantom12_bacteria_3.png", "phantom12"),
            ("phantom7_normal_1.png", "phantom7"),
            ("chest_xray/train/NORMAL/IM-0115-0001.jpeg", "IM-0115"),
            ("anything else.png", "anything else"),
            ("person12.png", "person12"),
            ("personal_1.png", "personal_1"),
            ("1.2.840.113619.2.5.1", "1.2.840.113619.2.5.1"),
            ("1.2.840.113619.2.5.1.DCM", "1.2.840.113619.2.5.1"),
        ],
    )
    def test_patient(self, name, patient):
        assert patient_id(name) == patient

    @pytest.mark.parametrize(
        ("name", "label", "kind"),
        [
            ("person123_bacteria_4.jpeg", 1, "bacterial"),
            ("person123_virus_4.jpeg", 1, "viral"),
            ("phantom3_virus_1.png", 1, "viral"),
            ("BACTERIA-1008087-0001.jpeg", 1, "bacterial"),
            ("train/PNEUMONIA/VIRUS-1008087-0001.jpeg", 1, "viral"),
            ("NORMAL-28501-0001.jpeg", 0, "normal"),
            ("VIRUS-28501-0001.jpeg", 0, "normal"),
            ("NORMAL-28501-0001.jpeg", 1, "unknown"),
            ("IM-0115-0001.jpeg", 0, "normal"),
            ("person123_virus_4.jpeg", 0, "normal"),
            ("film.png", 1, "unknown"),
            ("bacteriaphage.png", 1, "unknown"),
        ],
    )
    def test_kind(self, name, label, kind):
        assert subtype_of(name, label) == kind


class TestFolders:
    def test_films_of_all_splits_and_classes(self, root):
        cohort = index_cohort(root)
        expected = {f"chest_xray/{folder}/{name}" for folder, names in NAMES.items() for name in names}
        assert {film.path for film in cohort.films} == expected
        assert list(cohort.films) == sorted(cohort.films, key=lambda film: film.path)
        assert Counter((film.split, film.label) for film in cohort.films) == {
            ("train", 0): 3,
            ("train", 1): 3,
            ("validation", 0): 1,
            ("validation", 1): 1,
            ("test", 0): 1,
            ("test", 1): 1,
        }
        film = next(film for film in cohort.films if film.path.endswith("person2_virus_3.jpeg"))
        assert (film.patient, film.subtype) == ("person2", "viral")
        assert {film.split for film in cohort.of_split("validation")} == {"validation"}

    def test_chest_xray_itself_may_be_the_root(self, root):
        cohort = index_cohort(root / "chest_xray")
        assert len(cohort.films) == 10
        assert cohort.films[0].path.startswith("test/NORMAL/")

    def test_other_files_are_no_films(self, root):
        before = index_cohort(root)
        for name in (".DS_Store", "readme.txt", "._person9_virus_1.jpeg", "Thumbs.db"):
            (root / "chest_xray/train/PNEUMONIA" / name).touch()
        (root / "chest_xray/train/PNEUMONIA/folder.png").mkdir()
        assert index_cohort(root) == before

    @pytest.mark.parametrize("name", ["IMAGE.JPG", "x.png", "1.2.840.dcm", "x.DICOM"])
    def test_suffixes(self, root, name):
        (root / "chest_xray/train/PNEUMONIA" / name).touch()
        assert f"chest_xray/train/PNEUMONIA/{name}" in {film.path for film in index_cohort(root).films}

    @pytest.mark.parametrize("name", ["no_suffix", "1.2.840.113619.2.5.1", "IM0001.ima", "film.txt"])
    def test_other_names_are_decided_by_the_first_bytes(self, root, name):
        path = root / "chest_xray/train/PNEUMONIA" / name
        for data, is_film in ((bytes(128) + b"DICM", True), (b"text", False), (b"", False)):
            path.write_bytes(data)
            cohort = index_cohort(root)
            assert (f"chest_xray/train/PNEUMONIA/{name}" in {film.path for film in cohort.films}) == is_film
            assert left_out_files(cohort) == (() if is_film else (f"chest_xray/train/PNEUMONIA/{name}",))

    @pytest.mark.parametrize("folder", ["train", "val", "test"])
    def test_missing_split(self, root, folder):
        (root / "chest_xray" / folder).rename(root / "elsewhere")
        with pytest.raises(CohortError, match=rf"{folder}/NORMAL is missing: expected train, val and test"):
            index_cohort(root)

    def test_missing_class(self, root):
        (root / "chest_xray/val/PNEUMONIA").rename(root / "elsewhere")
        with pytest.raises(CohortError, match="val/PNEUMONIA is missing"):
            index_cohort(root)

    def test_empty_class(self, root):
        (root / "chest_xray/test/NORMAL/IM-0001-0001.jpeg").unlink()
        with pytest.raises(CohortError, match="test/NORMAL holds no films"):
            index_cohort(root)

    def test_missing_root(self, tmp_path):
        with pytest.raises(CohortError, match="not a folder"):
            index_cohort(tmp_path / "nowhere")

    def test_root_without_films(self, tmp_path):
        with pytest.raises(CohortError, match="holds no films"):
            index_cohort(tmp_path)

    @pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
    def test_a_name_that_is_no_utf8_is_refused_before_any_training(self, root):
        for name in (b"M\xfcller.png", b"Z\xfcrich.png"):
            (root / "chest_xray/train/PNEUMONIA" / os.fsdecode(name)).touch()
        with pytest.raises(CohortError, match=r"2 films .* the first is .*M.*ller.png.*: rename them") as refusal:
            index_cohort(root)
        assert "\n" not in str(refusal.value)
        (root / "chest_xray/train/PNEUMONIA/Müller.png").touch()
        for name in (b"M\xfcller.png", b"Z\xfcrich.png"):
            (root / "chest_xray/train/PNEUMONIA" / os.fsdecode(name)).unlink()
        assert "chest_xray/train/PNEUMONIA/Müller.png" in {film.path for film in index_cohort(root).films}


class TestTable:
    def test_labels_splits_and_patients(self, tmp_path):
        text = "path,label,patient,split\na.png,Pneumonia,p1,val\nb.png,0,p2,test\n"
        cohort = index_cohort(table_root(tmp_path, text))
        assert cohort.films == (
            Film("a.png", "p1", 1, "validation", "unknown"),
            Film("b.png", "p2", 0, "test", "normal"),
        )

    def test_without_a_split_all_are_for_training(self, tmp_path):
        cohort = index_cohort(table_root(tmp_path, "label,patient,path\n1,p1,a.png\n0,p2,b.png\n"))
        assert len(cohort.of_split("train")) == 2

    def test_byte_order_mark_and_windows_line_ends(self, tmp_path):
        text = "\ufeffpath,label,patient\r\na.png,1,p1\r\nb.png,0,p2\r\n"
        assert len(index_cohort(table_root(tmp_path, text)).films) == 2

    def test_kind_may_be_given(self, tmp_path):
        text = "path,label,patient,kind\na.png,1,p1,viral\nb.png,0,p2,\n"
        assert [film.subtype for film in index_cohort(table_root(tmp_path, text)).films] == ["viral", "normal"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("path,label\na.png,1\n", "expected the columns path, label, patient, split, kind. Received: path, label"),
            ("path,label,patient,age\na.png,1,p1,3\n", "Received: path, label, patient, age"),
            ("path,label,patient,label\na.png,1,p1,1\n", "expected the columns"),
            ("", "expected the columns"),
            ("path,label,patient\n", "lists no films|no film of class"),
            ("path,label,patient\na.png,2,p1\n", "line 2: unknown label '2'"),
            ("path,label,patient,split\na.png,1,p1,dev\n", "line 2: unknown split 'dev'"),
            ("path,label,patient\na.png,1,p1\nb.png,0, \n", "line 3: the patient is empty"),
            ("path,label,patient\na.png,1\n", "line 2: expected 3 values"),
            ("path,label,patient\na.png,1,p1,x\n", "line 2: expected 3 values"),
            ('path,label,patient\n"a.png,1,p1\n', "comma-separated"),
            ("path,label,patient\na.png,1,p1\nc.png,0,p2\n", "names 1 files that are not there, the first is c.png"),
            ("path,label,patient\na.png,1,p1\na.png,1,p1\nb.png,0,p2\n", "lists 1 films more than once"),
            ("path,label,patient\na.png,1,p1\n./a.png,1,p1\nb.png,0,p2\n", "lists 1 films more than once"),
            ("path,label,patient\na.png,1,p1\nb.png,1,p2\n", "no film of class normal"),
            ("path,label,patient\n../a.png,1,p1\n", "path below the cohort's root"),
            ("path,label,patient\n/etc/a.png,1,p1\n", "path below the cohort's root"),
            ("path,label,patient\n,1,p1\n", "path below the cohort's root"),
            (f"path,label,patient\na.png,1,p1\n{'n' * 300}.png,0,p2\n", "line 3: .*n.png' cannot be .*too long"),
            (f"path,label,patient\na.png,1,p1\n{'long/' * 900}b.png,0,p2\n", "line 3: .*b.png' cannot be .*too long"),
        ],
    )
    def test_wrong_tables(self, tmp_path, text, words):
        with pytest.raises(CohortError, match=words) as caught:
            index_cohort(table_root(tmp_path, text))
        assert "\n" not in str(caught.value)

    def test_table_that_is_no_text(self, tmp_path):
        (tmp_path / "cohort.csv").write_bytes(b"\xff\xfe\0p")
        with pytest.raises(CohortError, match="UTF-8"):
            index_cohort(tmp_path)


class TestSplit:
    @given(st.integers(2, 40), st.integers(0, 50), st.floats(0.01, 0.99))
    @settings(max_examples=15, deadline=None)
    def test_no_patient_in_two_splits_and_both_classes_in_each(self, patients, seed, fraction):
        cohort = synthetic(patients, seed)
        split = split_cohort(cohort, seed, fraction)
        assert [film.path for film in split.films] == [film.path for film in cohort.films]
        train, validation = split.of_split("train"), split.of_split("validation")
        assert {film.label for film in train} == {film.label for film in validation} == {0, 1}
        assert not {film.patient for film in train} & {film.patient for film in validation}
        assert split.of_split("test") == cohort.of_split("test")

    def test_fraction_and_classes_are_kept(self):
        split = split_cohort(synthetic(200), seed=1)
        validation, train = split.of_split("validation"), split.of_split("train")
        assert 0.13 < len(validation) / len(validation + train) < 0.17
        shares = [sum(film.label for film in films) / len(films) for films in (train, validation)]
        assert abs(shares[0] - shares[1]) < 0.02

    def test_seed_decides(self):
        cohort = synthetic(30)
        assert split_cohort(cohort, 1) == split_cohort(cohort, 1)
        assert split_cohort(cohort, 1).fingerprint != split_cohort(cohort, 2).fingerprint

    def test_split_does_not_depend_on_the_split_before(self):
        cohort = synthetic(30)
        assert split_cohort(split_cohort(cohort, 5), 1) == split_cohort(cohort, 1)

    def test_too_few_patients(self):
        with pytest.raises(CohortError, match="1 patients of class normal"):
            split_cohort(synthetic(1), 0)

    @pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
    def test_fraction_out_of_range(self, fraction):
        with pytest.raises(UsageError, match="validation_fraction"):
            split_cohort(synthetic(5), 0, fraction)


class TestSplitFile:
    def test_round_trip(self, root, tmp_path):
        cohort = split_cohort(index_cohort(root), 0)
        path = tmp_path / "run" / "split.csv"
        write_split(cohort, path)
        again = read_split(path, root)
        assert again == cohort
        assert again.fingerprint == cohort.fingerprint
        assert path.read_text().startswith(
            "film,patient,split,label,kind\nchest_xray/test/NORMAL/IM-0001-0001.jpeg,IM-0001,"
        )

    def test_names_with_commas_quotes_and_line_ends(self, tmp_path):
        films = tuple(
            Film(name, "p,1", 1, "train", "viral") for name in sorted(['a"b.png', "c,d.png", "e\nf.png", "é.png"])
        )
        cohort = Cohort(tmp_path, films)
        write_split(cohort, tmp_path / "split.csv")
        assert read_split(tmp_path / "split.csv", tmp_path) == cohort

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("film,patient,split,label\na,p,train,1\n", "expected the columns film, patient, split, label, kind"),
            ("film,patient,split,label,kind\na,p,train,1,fungal\n", "line 2: unknown kind 'fungal'"),
            ("film,patient,split,label,kind\na,p,dev,1,viral\n", "line 2: unknown split 'dev'"),
            ("film,patient,split,label,kind\n", "lists no films"),
        ],
    )
    def test_wrong_files(self, tmp_path, text, words):
        (tmp_path / "split.csv").write_text(text)
        with pytest.raises(CohortError, match=words):
            read_split(tmp_path / "split.csv", tmp_path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(CohortError, match="No such file"):
            read_split(tmp_path / "split.csv", tmp_path)


class TestFingerprint:
    def test_is_the_hash_of_the_sorted_lines(self):
        films = (Film("b.png", "p2", 0, "test", "normal"), Film("a.png", "p1", 1, "train", "viral"))
        expected = hashlib.sha256(b"a.png,p1,1,train\nb.png,p2,0,test").hexdigest()
        assert Cohort(Path("x"), films).fingerprint == Cohort(Path("y"), films[::-1]).fingerprint == expected


class TestCheck:
    def test_finds_what_is_wrong(self, root):
        draw = np.random.default_rng(0)
        paths = [film.path for film in index_cohort(root).films]
        for number, path in enumerate(paths):
            picture = draw.integers(0, 256, (20, 30 + 10 * (number > 6)), np.uint8)
            (root / path).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        (root / paths[1]).write_bytes((root / paths[0]).read_bytes())
        (root / paths[2]).write_bytes((root / paths[2]).read_bytes()[:-20])
        (root / paths[3]).write_text("not a film")
        steps = []
        report = check_cohort(index_cohort(root), lambda: steps.append(1))
        assert len(steps) == len(paths)
        assert report.films == {
            "train": {"normal": 3, "pneumonia": 3},
            "validation": {"normal": 1, "pneumonia": 1},
            "test": {"normal": 1, "pneumonia": 1},
        }
        assert report.patients == {"train": 5, "validation": 2, "test": 2}
        assert [path for path, _ in report.unreadable] == paths[2:4]
        assert "cut short" in report.unreadable[0][1]
        assert "text" in report.unreadable[1][1]
        assert report.sizes == ((30, 20, 5), (40, 20, 3))
        assert report.duplicates == (tuple(paths[:2]),)
        assert report.patients_across_splits == {"person1": ("train", "test")}

    def test_film_that_vanished_is_reported(self, root):
        cohort = index_cohort(root)
        (root / cohort.films[0].path).unlink()
        report = check_cohort(cohort)
        assert (cohort.films[0].path, "cannot be opened: No such file or directory") in report.unreadable


@pytest.mark.real_data
class TestRealFilms:
    def test_public_set(self, data_root):
        cohort = index_cohort(data_root)
        assert Counter((film.split, film.label) for film in cohort.films) == {
            ("train", 0): 1341,
            ("train", 1): 3875,
            ("validation", 0): 8,
            ("validation", 1): 8,
            ("test", 0): 234,
            ("test", 1): 390,
        }
        patients = {split: {film.patient for film in cohort.of_split(split)} for split in ("train", "test")}
        assert len(patients["train"]) == 2846
        assert len(patients["test"]) == 427
        assert len(patients["train"] & patients["test"]) == 170
        assert Counter(film.subtype for film in cohort.films) == {"normal": 1583, "bacterial": 2780, "viral": 1493}

    def test_no_patient_is_in_train_and_validation(self, data_root):
        cohort = index_cohort(data_root)
        split = split_cohort(cohort, seed=0)
        train, validation = split.of_split("train"), split.of_split("validation")
        assert not {film.patient for film in train} & {film.patient for film in validation}
        assert len(train) + len(validation) == 5232
        assert 0.14 < len(validation) / 5232 < 0.16
        assert abs(np.mean([film.label for film in train]) - np.mean([film.label for film in validation])) < 0.01
        assert split.of_split("test") == cohort.of_split("test")
        copies = Counter(hashlib.sha256((data_root / film.path).read_bytes()).digest() for film in validation)
        assert not any(hashlib.sha256((data_root / film.path).read_bytes()).digest() in copies for film in train)
