"""What `data audit` found about the films, as far as the card repeats it: counts and figures, never a film."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.bundle.audit import FORMAT, AuditFindings
from export.card.measured_file import read_measured
from train.common.console import say_warning
from train.common.errors import PneumoscopeError, UsageError
from train.data.cohort import Cohort, Film

#: Where `data audit` writes.
DEFAULT_AUDIT = Path("audit/audit.json")
AUDIT_DIR = "pneumoscope data audit DIR"
KEPT = ("exact_duplicates", "near_duplicates", "patients_across_splits", "metadata_baseline", "size", "exposure")

Json = dict[str, Any]


def find_audit(given: Path | None, films: Sequence[Film]) -> Json | None:
    """Find the audit of a run's films.

    Args:
        given: a file that must be there and of these films; None: DEFAULT_AUDIT, where it is there and of these films.
        films: of the run's split, all of them.

    Returns:
        The card's `audit`, as `read_audit` gives it; None where there is none.

    Raises:
        PneumoscopeError: the given file is missing, damaged or of other films.
    """
    if given is not None:
        return read_audit(given, films)
    if not DEFAULT_AUDIT.is_file():
        return None
    try:
        return read_audit(DEFAULT_AUDIT, films)
    except PneumoscopeError as error:
        say_warning(f"left out of the card: {error}")
        return None


def read_audit(path: Path, films: Sequence[Film]) -> Json:
    """Read audit.json.

    It is of these films where its `split_fingerprint` is theirs or, if it has none, where it counts as many films and,
    if it says so, as many patients.

    Returns:
        films, patients: how many; of exact_duplicates, near_duplicates, patients_across_splits, metadata_baseline
        (columns, constant_columns, auroc as {value, low, high}, test, …), size and exposure what the file says, but for
        the spread of each group of films. What it does not say is left out.

    Raises:
        UsageError: it is of other films.
        PneumoscopeError: it is missing or damaged.
    """
    read = read_measured(path, AuditFindings, FORMAT, "an audit", f"make it again: {AUDIT_DIR}")
    if read is None:
        raise PneumoscopeError(f"{path}: no such file; make it: {AUDIT_DIR}")
    _, found, findings = read
    if findings.split_fingerprint and findings.split_fingerprint != Cohort(Path(), tuple(films)).fingerprint:
        raise UsageError(f"{path}: is of another split than the run's; audit the run's films: {AUDIT_DIR}")
    patients = len({film.patient for film in films})
    if findings.films != len(films) or findings.patients not in (None, patients):
        raise UsageError(
            f"{path}: is of {findings.films} films of {findings.patients} patients, the run's split has "
            f"{len(films)} of {patients}; audit the run's films: {AUDIT_DIR}"
        )
    kept = {name: _small(found[name]) for name in KEPT if isinstance(found.get(name), dict | int)}
    return {"films": findings.films, "patients": findings.patients, **kept}


def _small(value: Any) -> Any:  # noqa: ANN401
    """The same without NaN, and without the `groups` of films whose spread is given."""
    if isinstance(value, dict):
        kept = {str(name): part for name, part in value.items() if name != "groups" or not isinstance(part, dict)}
        return {name: _small(part) for name, part in kept.items()}
    if isinstance(value, list):
        return [_small(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
