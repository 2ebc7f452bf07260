import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data import check
from train.data.check import PUBLISHED_COUNTS, check_cohort
from train.data.cohort import index_cohort

SHADES = np.tile(np.linspace(20, 230, 256, dtype=np.uint8), (200, 1))  # an ordinary film: uint8 [200, 256]


def encoded(picture, suffix=".png"):
    return cv2.imencode(suffix, picture)[1].tobytes()


def checked(tmp_path, films, rows=None):
    """Check films given as name → bytes; `rows` (name → "label,patient,split") says what else they are."""
    lines = ["path,label,patient,split"]
    for number, (name, data) in enumerate({**films, "other.png": encoded(SHADES[::-1, ::-1])}.items()):
        (tmp_path / name).write_bytes(data)
        lines.append(f"{name},{(rows or {}).get(name, f'{number % 2},p{number},train')}")
    (tmp_path / "cohort.csv").write_text("\n".join(lines))
    return check_cohort(index_cohort(tmp_path))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("picture", "anomalies"),
    [
        (SHADES, {}),
        (SHADES[:99], {"small": "256×99 pixels", "elongated": "256×99 pixels"}),
        (SHADES[:100], {"elongated": "256×100 pixels"}),
        (np.tile(SHADES, (4, 1)), {"elongated": "256×800 pixels"}),
        (SHADES // 8, {"nearly_black": "28"}),
        (240 - SHADES // 8, {"nearly_white": "212"}),
        (100 + SHADES // 16, {"flat": "101 to 114"}),
        (np.zeros((200, 200), np.uint8), {"nearly_black": "0"}),
        (np.full((200, 200), 255, np.uint8), {"nearly_white": "255"}),
        (cv2.cvtColor(SHADES, cv2.COLOR_GRAY2BGR), {}),
        (cv2.applyColorMap(SHADES, cv2.COLORMAP_JET), {"colour": "channels differ by"}),
        (np.dstack([SHADES, SHADES, cv2.add(SHADES, 12)]), {"colour": "by 12 grey levels"}),
    ],
)
def test_oddities(tmp_path, picture, anomalies, suffix):
    report = checked(tmp_path, {"film" + suffix: encoded(picture, suffix)})
    assert set(report.unusual) == set(anomalies)
    for anomaly, words in anomalies.items():
        ((path, detail),) = report.unusual[anomaly]
        assert path == "film" + suffix
        if suffix == ".png":
            assert words in detail


def test_deep_films_are_judged_by_their_own_range(tmp_path):
    ten_bits = SHADES.astype(np.uint16) * 4
    assert checked(tmp_path, {"film.png": encoded(ten_bits)}).unusual == {}


def test_palette_and_transparency_are_looked_through(tmp_path):
    coloured = cv2.cvtColor(cv2.applyColorMap(SHADES, cv2.COLORMAP_JET), cv2.COLOR_BGR2BGRA)
    grey = cv2.cvtColor(SHADES, cv2.COLOR_GRAY2BGRA)
    report = checked(tmp_path, {"coloured.png": encoded(coloured), "grey.png": encoded(grey)})
    assert [path for path, _ in report.unusual["colour"]] == ["coloured.png"]


def test_first_page_is_read_and_the_others_are_told_of(tmp_path):
    pages = cv2.imencodemulti(".tif", [SHADES, SHADES])[1].tobytes()
    ((path, detail),) = checked(tmp_path, {"film.tif": pages}).unusual["warned"]
    assert path == "film.tif"
    assert "page" in detail


@pytest.mark.parametrize(("picture", "channels"), [(SHADES, False), (cv2.cvtColor(SHADES, cv2.COLOR_GRAY2BGR), True)])
def test_header_tells_whether_there_are_channels(picture, channels):
    jpeg = encoded(picture, ".jpg")
    assert check._may_hold_colour(jpeg) is channels
    assert check._may_hold_colour(jpeg[:2] + b"\xff" + jpeg[2:]) is channels  # a fill byte
    assert check._may_hold_colour(encoded(picture)) is channels


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8", b"\xff\xd8\xff\xe0\0\0", b"\x89PNG", b"BM", b""]))
def test_tint_of_anything_ends(data, start):
    assert 0 <= check._tint(start + data) <= 255


def test_copies_across_splits_and_classes(tmp_path):
    film, other = encoded(SHADES), encoded(SHADES // 2)
    report = checked(
        tmp_path,
        {"a.png": film, "b.png": film, "c.png": other, "d.png": other, "e.png": encoded(SHADES[:, ::-2])},
        {"a.png": "0,p,train", "b.png": "1,p,train", "c.png": "0,q,train", "d.png": "0,q,test"},
    )
    assert report.duplicates == (("a.png", "b.png"), ("c.png", "d.png"))
    assert report.duplicates_across_classes == (("a.png", "b.png"),)
    assert report.duplicates_across_splits == (("c.png", "d.png"),)
    assert report.patients_across_splits == {"q": ("train", "test")}


def test_shares(tmp_path):
    rows = {"a.png": "1,p,train", "b.png": "1,q,train", "c.png": "1,r,test", "other.png": "0,s,train"}
    report = checked(tmp_path, {name: encoded(SHADES) for name in ("a.png", "b.png", "c.png")}, rows)
    assert report.pneumonia_share == {"train": 2 / 3, "validation": None, "test": 1.0}


def test_unreadable_films_have_no_other_finding(tmp_path):
    report = checked(tmp_path, {"cut.png": encoded(SHADES // 8)[:-20], "empty.png": b""})
    assert [path for path, _ in report.unreadable] == ["cut.png", "empty.png"]
    assert report.unusual == {}


def test_report_is_json(tmp_path):
    report = checked(tmp_path, {"small.png": encoded(SHADES[:50, :60])})
    assert json.loads(json.dumps(asdict(report), allow_nan=False))["unusual"] == {
        "small": [["small.png", "60×50 pixels"]]
    }


class TestFolders:
    @pytest.fixture
    def root(self, tmp_path, monkeypatch):
        counts = {split: {"normal": 1, "pneumonia": 1} for split in ("train", "validation", "test")}
        monkeypatch.setitem(PUBLISHED_COUNTS, "Kaggle", counts)
        for split in ("train", "val", "test"):
            for number, name in enumerate(("NORMAL/IM-0115-0001.png", "PNEUMONIA/person1_virus_6.png")):
                path = tmp_path / "chest_xray" / split / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encoded(SHADES + np.uint8(number + len(split))))
        return tmp_path

    def test_public_set_as_published(self, root):
        report = check_cohort(index_cohort(root))
        assert report.is_public_set
        assert report.published_differences == ()

    def test_public_set_with_other_counts(self, root):
        (root / "chest_xray/train/NORMAL/IM-0117-0001.png").write_bytes(encoded(SHADES[::-1]))
        report = check_cohort(index_cohort(root))
        assert report.published_differences == (("train", "normal", 2, 1),)

    def test_other_films_are_compared_with_nothing(self, root):
        for path in list(root.rglob("*.png")):
            path.rename(path.with_name(f"scan of {path.name}"))
        (root / "chest_xray/train/NORMAL/another.png").write_bytes(encoded(SHADES[::-1]))
        report = check_cohort(index_cohort(root))
        assert not report.is_public_set
        assert report.published_differences == ()

    def test_files_that_are_passed_over(self, root):
        for name in ("train/NORMAL/list.txt", "train/NORMAL/.DS_Store", "test/PNEUMONIA/more.zip", "SOURCE.txt"):
            (root / "chest_xray" / name).write_text("no film")
        assert check_cohort(index_cohort(root)).passed_over == (
            "chest_xray/test/PNEUMONIA/more.zip",
            "chest_xray/train/NORMAL/list.txt",
        )

    def test_table_means_what_it_lists(self, root):
        (root / "cohort.csv").write_text(
            "path,label,patient\nchest_xray/train/NORMAL/IM-0115-0001.png,0,p\n"
            "chest_xray/train/PNEUMONIA/person1_virus_6.png,1,q\n"
        )
        (root / "chest_xray/train/NORMAL/list.txt").write_text("no film")
        assert check_cohort(index_cohort(root)).passed_over == ()


def test_mendeley_edition_is_as_published_too():
    assert check._published_differences(PUBLISHED_COUNTS["Mendeley Data"]) == ()
    films = {**PUBLISHED_COUNTS["Mendeley Data"], "test": {"normal": 234, "pneumonia": 389}}
    assert check._published_differences(films) == (("test", "pneumonia", 389, 390),)


@pytest.mark.real_data
def test_public_films(data_root):
    report = check_cohort(index_cohort(data_root))
    assert report.unreadable == report.published_differences == report.passed_over == ()
    assert report.is_public_set
    assert report.unusual == {}
    assert len(report.duplicates) == 30
    assert report.duplicates_across_splits == report.duplicates_across_classes == ()
    assert len(report.patients_across_splits) == 170
