"""The file studies.json: its one writer, its one reader; and the command that trains what a row of it says."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from train.common.atomic import write_text
from train.common.errors import PneumoscopeError
from train.studies.record.shape import FORMAT, StudiesRecord

STUDIES = "studies.json"
#: The options of `study run` that reduce a run, by what the label of a scale says of them.
_OPTIONS = {
    "--image-size": r"(\d+) px",
    "--films-per-class": r"(\d+) films a class",
    "--epochs": r"(\d+) epochs? at most",
    "--backbone-weights": r"backbone weights ([^,]+)",
    "--heads": r"B's head alone",
}


def run_command(study: str, keys: Sequence[str], scale: str) -> str:
    """The command that trains rows of a study at a scale, as its label tells it.

    Of weights for B's backbone a label has no more than the file's name, without Keras's .h5.
    """
    words = ["pneumoscope", "study", "run", study, "--rows", ",".join(keys)]
    for option, pattern in _OPTIONS.items():
        if found := re.search(rf"(?:^|, ){pattern}(?:,|$)", scale):
            words += [option, *(_file_of(text) if option == "--backbone-weights" else text for text in found.groups())]
    return shlex.join(words)


def _file_of(weights: str) -> str:
    return weights if weights == "random" else f"{weights}.h5"


def write_record(path: Path, record: StudiesRecord) -> None:
    """Write studies.json atomically, an entry of each of its lists on a line of its own."""
    parts = []
    for key, value in record.model_dump(mode="json").items():
        text = _compact(value)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(map(_compact, value)) + "\n]"
        parts.append(f'"{key}": {text}')
    write_text(path, "{" + ",\n".join(parts) + "}\n")


def read_record(path: Path) -> StudiesRecord:
    """Read studies.json.

    Raises:
        PneumoscopeError: it is missing, damaged, or of another format.
    """
    try:
        return StudiesRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PneumoscopeError(f"{path}: no such file; pneumoscope study report writes it") from None
    except OSError as error:
        raise PneumoscopeError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise PneumoscopeError(
            f"{path}: is no record of the studies of format {FORMAT} ({place}: {first['msg'].lower()}); "
            "pneumoscope study report writes it anew, once this file is moved aside"
        ) from None


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
