"""The audit's findings as tables: the same for the terminal and for the page."""

from dataclasses import dataclass

from train.audit.audit import Audit
from train.audit.measurements import QUANTITIES
from train.audit.metadata_baseline import Figure
from train.data.cohort import CLASSES
from train.data.duplicates import count_groups
from train.data.film_hash import BITS, LIMIT

READS_TEST = "the audit covers the test films too: it chooses nothing, so they stay a test set"


@dataclass(frozen=True)
class Table:
    """A table of cells to print, and what a reader should know of it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""


def tables_of(audit: Audit) -> tuple[Table, ...]:
    """The findings, the gravest last since a terminal shows the end."""
    return _films(audit), _copies(audit), _traits(audit), _shift(audit), _baseline(audit)


def _films(audit: Audit) -> Table:
    figures = audit.as_json()
    rows = [
        (split, counts["normal"], counts["pneumonia"], figures["patients"]["by_split"][split])
        for split, counts in figures["films"]["by_split"].items()
    ]
    both, across = figures["patients"]["with_both_labels"], figures["patients_across_splits"]
    found = [f"{figures['patients']['total']} patients", f"{both} of them with films of both classes"]
    found += [f"{count} in {splits}" for splits, count in across["by_splits"].items()]
    if across["patients"]:
        found.append("an upper bound where each split numbers its patients separately")
    if audit.unreadable:
        found.append(f"{len(audit.unreadable)} films cannot be read and are left out of all that follows")
    return Table("Films", ("split", *CLASSES, "patients"), tuple(rows), "; ".join(found))


def _copies(audit: Audit) -> Table:
    rows = [
        (what, *count_groups(groups).values())
        for what, groups in (("equal byte for byte", audit.exact), ("look equal", audit.near))
    ]
    columns = ("films that", "groups", "films", "copies", "across splits", "across classes", "across patients")
    note = f"films look equal when their hashes differ in at most {LIMIT} of {BITS} bits; across …: groups"
    if audit.closest_apart is not None:
        note += f"; the closest films that are no copies differ in {audit.closest_apart}"
    return Table("Copies", columns, tuple(rows), note)


def _traits(audit: Audit) -> Table:
    found = audit.size | audit.exposure
    splits = tuple(next(iter(found.values()))["groups"])
    rows = []
    for name, parts in found.items() if splits else ():
        cells = []
        for split in splits:
            groups, delta = parts["groups"][split], parts["pneumonia_against_normal"][split]
            medians = " / ".join(_short(groups[label]["median"]) if label in groups else "–" for label in CLASSES)
            cells.append(f"{medians} ({signed(delta)})")
        rows.append((QUANTITIES[name], *cells))
    note = (
        "medians of normal / pneumonia (Cliff's delta: 0 the classes are alike, +1 every pneumonia film has more "
        "than every normal one, -1 every one has less)"
    )
    return Table("Size and exposure by class", ("quantity", *splits), tuple(rows), note if rows else "")


def _shift(audit: Audit) -> Table:
    found = audit.size | audit.exposure
    others = tuple(next(iter(found.values()))["against_train"])
    if not others:
        return Table("Size and exposure by split", ("quantity",), ())
    rows = tuple(
        (QUANTITIES[name], *(signed(parts["against_train"][split][label]) for split in others for label in CLASSES))
        for name, parts in found.items()
    )
    columns = ("quantity", *(f"{split}, {label}" for split in others for label in CLASSES))
    note = "Cliff's delta against the train films of the same class: 0 alike, +1 all have more, -1 all have less"
    return Table("Size and exposure by split", columns, rows, note)


def _baseline(audit: Audit) -> Table:
    baseline = audit.baseline
    rows = []
    if baseline.columns:
        what = " + ".join(baseline.columns)
        if baseline.folds:
            how = f"{baseline.folds}-fold, patients kept together"
            rows.append((what, f"outside test, {how}", *_figure_cells(baseline.cross_validated)))
        if baseline.test is not None and baseline.test.reason is None:
            rows.append((what, "test, fitted on the others", *_figure_cells(baseline.test)))
    notes = ["logistic regression that sees no pixel: 0.5 and below tells nothing, 1 tells the class"]
    if baseline.constant_columns:
        notes.append(f"the same in all films, left out: {', '.join(baseline.constant_columns)}")
    columns = ("from", "films", "AUROC", "95 % over patients", "films scored", "patients")
    return Table("Metadata-only baseline", columns, tuple(rows), "; ".join(notes))


def baseline_faults(audit: Audit) -> list[str]:
    """Why the baseline, or its test figure, is not there; one line each."""
    baseline = audit.baseline
    faults = []
    if baseline.cross_validated.reason is not None:
        faults.append(f"no metadata-only baseline: {baseline.cross_validated.reason}")
    if baseline.test is not None and baseline.test.reason is not None:
        faults.append(f"no metadata-only baseline on test: {baseline.test.reason}")
    return faults


def signed(delta: float | None) -> str:
    """An effect with its sign, two digits."""
    return "–" if delta is None else f"{delta + 0:+.2f}" if round(delta, 2) else "0.00"


def _figure_cells(figure: Figure) -> tuple[object, ...]:
    auroc = figure.auroc
    return f"{auroc.value:.3f}", f"{auroc.low:.3f}–{auroc.high:.3f}", figure.films, figure.patients


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
