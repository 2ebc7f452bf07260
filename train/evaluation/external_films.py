"""Whether runs were evaluated on the same films of another hospital; figures of others are never set side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from train.common.errors import UsageError

#: The key of an evaluation's part "external" under which one checksum of all its films stands (`train.data.checksums`).
FILMS_CHECKSUM = "films_checksum"


def require_same_external(runs: Sequence[tuple[str, Mapping[str, Any] | None]]) -> None:
    """Refuse runs whose external films differ by name, patient or label, or by content where both evaluations know it.

    Args:
        runs: name and the evaluation's part "external", or nothing where it has none. Parts from before the films'
            checksum stood in them have the list of the films alone.

    Raises:
        UsageError: of two runs.
    """
    evaluated = [(name, part) for name, part in runs if part]
    for name, part in evaluated:
        for other, known in evaluated:
            checksums = {one[FILMS_CHECKSUM] for one in (known, part) if one.get(FILMS_CHECKSUM)}
            if known["cohort_fingerprint"] != part["cohort_fingerprint"] or len(checksums) > 1:
                raise UsageError(
                    f"{name} and {other} were evaluated on different external films: expected the same for both; "
                    f"evaluate both on one folder: pneumoscope evaluate {other} --external-root DIR"
                )
