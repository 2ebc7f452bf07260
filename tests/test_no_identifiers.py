"""What DICOM headers say of patients never gets out: not in a result, an error, a log or a warning.

A film's own name is the user's word and is printed; so the films here have names that say nothing.
"""

import io
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

IDENTIFYING = frozenset(["AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"])
LEAST_LENGTH = 5  # a study called "1" is in every table of numbers

PREDICT = [
    ["predict", "FILMS"],
    ["predict", "FILMS", "--json"],
    ["predict", "FILMS", "--jsonl", "--debug"],
    ["predict", "FILMS", "--csv", "--debug"],
    ["predict", "FILMS", "--device", "gpu", "--debug"],
]
CHECK = [["data", "check", "FILMS"], ["data", "check", "FILMS", "--json", "--debug"]]


def film(**elements) -> FileDataset:
    """A readable radiograph of a person with a name, numbers, dates and a history."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = ComputedRadiographyImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.11111"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.22222", "1.2.826.0.1.3680043.33333"
    dataset.PatientName, dataset.PatientID, dataset.OtherPatientIDs = "Doe^Jane^Q", "PAT-4711", "NHS-998877"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.StudyTime = "19620117", "20240229", "131415.926"
    dataset.PatientAddress, dataset.PatientComments = "Elm Street 13", "lives with her sister Mathilda"
    dataset.ReferringPhysicianName, dataset.OperatorsName = "Quack^Quentin", "Klick^Karla"
    dataset.InstitutionName, dataset.StationName, dataset.AccessionNumber = "St. Elsewhere", "ROOM-7B", "ACC-0815"
    dataset.StudyDescription, dataset.DeviceSerialNumber = "thorax after a fall", "SN-55-66"
    request = Dataset()
    request.RequestedProcedureDescription, request.PatientName = "look for Mathilda", "Doe^Jane^Maiden"
    dataset.RequestAttributesSequence = Sequence([request])
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "CR", "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = 32, 24
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = np.linspace(0, 4095, 32 * 24).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the films that lie
        for name, value in elements.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
    return dataset


def saved(dataset: FileDataset) -> bytes:
    output = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(output, enforce_file_format=True)
    return output.getvalue()


def planted() -> dict[str, bytes]:
    """Films that are read, and films that fail in every room of the reader."""
    good = saved(film())
    implicit = film()
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    syntax = ExplicitVRLittleEndian.encode() + b"\0"
    return {
        "read": good,
        "read implicit": saved(implicit),
        "frames": saved(film(NumberOfFrames=2, PixelData=bytes(2 * 2 * 32 * 24))),
        "modality": saved(film(Modality="DOE_JANE")),
        "photometric": saved(film(PhotometricInterpretation="DOE_JANE")),
        "no pixels": saved(film(PixelData=None)),
        "few pixels": saved(film(Rows=999)),
        "no rows": saved(film(Rows=None)),
        "slope": saved(film(RescaleSlope=0, RescaleIntercept=0)),
        "long word": saved(film(PresentationLUTShape="Doe^Jane^Q and far too much for a code string")),
        "syntax": good.replace(syntax, b"Doe^Jane^Q".ljust(len(syntax), b"\0")),
        "name for a number": good.replace(b"\x28\0\x10\0US\x02\0", b"\x28\0\x10\0PN\x02\0"),
        "without preamble": good[132:],
        "cut in the header": good[: good.index(b"Elm Street") + 6],
        "cut in the pixels": good[:-50],
        "text": b"Doe^Jane^Q PAT-4711 19620117",
    }


def identifiers_of(dataset: Dataset) -> Iterator[str]:
    """Every value that may tell who was examined where, when and by whom; registered UIDs tell nothing."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from identifiers_of(item)
        elif element.VR in IDENTIFYING:
            values = element.value if element.VM > 1 else [element.value]
            for value in map(str, values):
                if not (element.VR == "UI" and value.startswith("1.2.840.10008.")) and len(value) >= LEAST_LENGTH:
                    yield value


def said(arguments, films, models):
    """All that a command prints, results and complaints."""
    arguments = [str(films) if word == "FILMS" else word for word in arguments]
    models = ["--models", str(models)] if arguments[0] == "predict" else []
    run = subprocess.run(
        [sys.executable, "-c", "from demo.cli import app; app()", *arguments, *models], capture_output=True, text=True
    )
    return run.stdout + run.stderr


def lay_out(folder, films, suffix=".dcm"):
    """Write films under names that say nothing, and a cohort.csv of them."""
    folder.mkdir()
    rows = ["path,label,patient"]
    for number, data in enumerate(films):
        (folder / f"film{number:02d}{suffix}").write_bytes(data)
        rows.append(f"film{number:02d}{suffix},{number % 2},p{number}")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory, tiny_bundle):
    folder = tmp_path_factory.mktemp("models")
    tiny_bundle(folder, "a")
    return folder


@pytest.mark.parametrize("arguments", [*PREDICT, *CHECK], ids=" ".join)
def test_nothing_of_a_planted_patient_is_said(arguments, models, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        secrets = {*identifiers_of(film()), *identifiers_of(film().file_meta), "DOE_JANE", "Jane", "Mathilda", "JANE"}
    assert len(secrets) > 20
    output = said(arguments, lay_out(tmp_path / "films", planted().values()), models)
    assert "film03.dcm" in output or "--device" in arguments
    assert [secret for secret in secrets if secret in output] == []


@pytest.mark.slow
def test_one_film_alone_fails_in_silence_too(models, tmp_path):
    for name, data in planted().items():
        path = tmp_path / "film"
        path.write_bytes(data)
        if name in ("syntax", "long word", "cut in the header", "name for a number"):
            output = said(["predict", str(path), "--debug"], path, models)
            assert "Jane" not in output
            assert "PAT-4711" not in output


@pytest.mark.slow
@pytest.mark.real_data
def test_nothing_of_real_headers_is_said(data_root, models, tmp_path):
    paths = sorted((data_root / "dicom").iterdir())
    secrets = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            secrets |= {*identifiers_of(dataset), *identifiers_of(dataset.file_meta)}
    films = lay_out(tmp_path / "films", (path.read_bytes() for path in paths))
    # What our own words say anyway: the same commands on as many files that are no films.
    dull = lay_out(tmp_path / "dull", [b"no film"] * len(paths))
    for arguments in (PREDICT[2], PREDICT[3], CHECK[1]):
        output = said(arguments, dull, models)
        secrets = {secret for secret in secrets if secret not in output}
    assert len(secrets) > 100
    for arguments in (PREDICT[0], PREDICT[1], PREDICT[3], CHECK[1]):
        output = said(arguments, films, models)
        assert "film03.dcm" in output
        assert [secret for secret in secrets if secret in output] == []


def test_the_search_finds_what_is_said(models, tmp_path):
    """The film's own name is printed: were it an identifier, the tests above would find it."""
    folder = tmp_path / "PAT-4711"
    assert "PAT-4711" in said(["predict", "FILMS"], lay_out(folder, [saved(film())]), models)
    assert "PAT-4711" in set(identifiers_of(film()))
