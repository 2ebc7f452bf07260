"""What `evaluate` prints: tables of an evaluation, a comparison, several seeds and a stress."""

from collections.abc import Mapping, Sequence
from typing import Any

from train.common.console import print_table, say
from train.metrics.operating_points import DEFAULT_OPERATING_POINT

POINT_METRICS = ("accuracy", "balanced_accuracy", "f1", "sensitivity", "specificity")
#: What the table at the end of a training shows, beside AUROC.
TRAINED_METRICS = ("accuracy", "sensitivity", "specificity")
COHORTS = {"deduplicated": "without repeated films", "without_training_patients": "without patients seen in training"}
#: Films on which two runs differ that are listed; --json has all of them.
LISTED = 20

Json = Mapping[str, Any]


def print_evaluation(run: str, split: str, part: Json, default: str = DEFAULT_OPERATING_POINT) -> None:
    """Print one split of an evaluation whose default operating point is `default`."""
    metrics = part["metrics"]
    rows = [
        (name, f"{point['threshold']:.4f}", *(_with_interval(point[key]) for key in POINT_METRICS))
        for name, point in metrics["operating_points"].items()
    ]
    columns = ("operating point", "threshold", *map(_words, POINT_METRICS))
    positive, films, patients = metrics["positives"], metrics["n"], metrics["patients"]
    title = f"{run}, {split}: {films} films of {patients} patients, {positive} with pneumonia"
    print_table(f"{title} (thresholds from validation, intervals over patients)", columns, rows)
    report = metrics["as_report"]
    best = report["f1_maximum"]
    print_table(
        f"{run}, {split}: without a threshold, and by the study's protocol",
        ("figure", "value"),
        [
            ("AUROC", _with_interval(metrics["auroc"])),
            ("average precision", _with_interval(metrics["average_precision"])),
            ("log loss", f"{metrics['log_loss']:.4f}"),
            ("Brier score (uncalibrated)", f"{metrics['brier']:.4f}"),
            ("calibration error (uncalibrated)", f"{metrics['ece']:.4f}"),
            ("accuracy at 0.5 (report)", _with_interval(report["accuracy_at_0.5"])),
            ("maximum F1 (report)", f"{best['value']:.4f} at {best['threshold']:.4f}, chosen on {split} itself"),
        ],
    )
    _print_cohorts(run, split, part, default)
    _print_over_prevalence(run, split, metrics["operating_points"][default], default)


def print_trained(run: str, folder: str, evaluation: Json, splits: Sequence[str], seconds: float | None) -> None:
    """Print what a training ends with: figures, a column per split, where the run lies, how long it took."""
    default = evaluation["default_operating_point"]
    parts = [evaluation[split]["metrics"] for split in splits]
    points = [part["operating_points"][default] for part in parts]
    beside = [""] * (len(splits) - 1)
    rows = [
        ("films (patients)", *(f"{part['n']} ({part['patients']})" for part in parts)),
        ("AUROC", *(_with_interval(part["auroc"]) for part in parts)),
        *((name, *(_with_interval(point[name]) for point in points)) for name in TRAINED_METRICS),
        ("run folder", folder, *beside),
        ("trained in", "–" if seconds is None else _duration(seconds), *beside),
    ]
    print_table(f"{run} is trained (threshold: {default})", ("", *splits), rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _print_cohorts(run: str, split: str, part: Json, default: str) -> None:
    keys = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
    rows = []
    entries = {"all films": {"metrics": part["metrics"], "reason": ""}}
    entries |= {words: part["cohorts"][name] for name, words in COHORTS.items()}
    for words, entry in entries.items():
        metrics = entry["metrics"]
        if metrics is None:
            rows.append((words, "–", entry["reason"], *([""] * len(keys))))
            continue
        point = metrics["operating_points"][default]
        figures = (_with_interval(metrics["auroc"]), *(_with_interval(point[key]) for key in keys))
        rows.append((words, f"{metrics['n']} ({metrics['patients']})", *figures))
    columns = ("counted", "films (patients)", "AUROC", *map(_words, keys))
    print_table(f"{run}, {split}: sensitivity analysis on subsets, at {default}", columns, rows)


def _print_over_prevalence(run: str, split: str, point: Json, default: str) -> None:
    table = point["over_prevalence"]
    rows = []
    for row, prevalence in enumerate(table["prevalence"]):
        cells = [
            _with_interval({end: table[f"{name}{key}"][row] for end, key in _FIELDS.items()}) for name in ("ppv", "npv")
        ]
        rows.append((f"{prevalence:.0%}", *cells))
    title = f"{run}, {split}: predictive values where pneumonia is rarer or more frequent, at {default}"
    print_table(title, ("prevalence", "PPV", "NPV"), rows)


_FIELDS = {"value": "", "low": "_low", "high": "_high"}


def print_comparison(result: Json) -> None:
    """Print what `train.evaluation.comparison.compare` found, split by split."""
    first, second = result["runs"]
    for split in _splits_of(result):
        part = result[split]
        if part is None:
            say(f"{split}: not compared, its films have not been read by both runs")
            continue
        _print_points(first, second, split, part)
        point = result["default_operating_point"]
        _print_right_and_wrong(first, second, split, point, part["operating_points"][point])
        rows = [
            (
                row["film"],
                "pneumonia" if row["label"] else "normal",
                *row["probabilities"],
                result_of(row, first, second),
            )
            for row in part["differing"][:LISTED]
        ]
        count = len(part["differing"])
        listed = "" if count <= LISTED else f"; the first {LISTED}, --json has all"
        title = f"{split}: {count} films predicted differently, the furthest apart first{listed}"
        print_table(title, ("film", "label", f"p of {first}", f"p of {second}", "right"), rows)
    _print_ensemble(result)


def _print_ensemble(result: Json) -> None:
    """Both networks and their average, each at its own thresholds, split by split."""
    name, average = result["default_operating_point"], result["average"]
    evaluated = [*zip(result["runs"], result.get("each", ()), strict=False), ("averaged", average)]
    rows = []
    for split in _splits_of(average):
        for who, parts in evaluated:
            metrics = parts[split]
            point, as_report = metrics["operating_points"][name], metrics["as_report"]
            rows.append(
                (
                    split,
                    who,
                    _with_interval(metrics["auroc"]),
                    *(_with_interval(point[key]) for key in ("accuracy", "sensitivity", "specificity", "f1")),
                    f"{metrics['ece']:.4f}",
                    f"{as_report['accuracy_at_0.5']['value']:.4f}, {as_report['f1_maximum']['value']:.4f}",
                )
            )
    columns = ("films", "network", "AUROC", "accuracy", "sensitivity", "specificity", "F1", "calibration error")
    title = f"{' and '.join(result['runs'])} averaged (mean probability), each at its own {name} from validation"
    print_table(title, (*columns, "as report: at 0.5, max F1"), rows)


def result_of(row: Json, first: str, second: str) -> str:
    """The name of the run that is right about a film."""
    return first if row["right"] == "first" else second


def _print_points(first: str, second: str, split: str, part: Json) -> None:
    areas = part["auroc"]
    p = "–" if areas["p"] is None else f"{areas['p']:.2g}"
    print_table(
        f"{first} against {second}, {split}: {part['films']} films of {part['patients']} patients",
        ("AUROC", "value", "interval"),
        [
            (first, f"{areas['first']:.4f}", ""),
            (second, f"{areas['second']:.4f}", ""),
            (
                "difference",
                f"{areas['difference']['value']:+.4f}",
                f"over patients {_span(areas['difference_over_patients'])}",
            ),
            ("", "", f"DeLong {_span(areas['difference'])}, p = {p}"),
        ],
    )
    rows = []
    for name, point in part["operating_points"].items():
        gap, test = point["differences"], point["mcnemar"]
        rows.append(
            (
                name,
                f"{point['agreement']['share']:.4f}",
                f"{point['kappa']:.3f}" if point["kappa"] is not None else "–",
                f"{test['only_first_right']} : {test['only_second_right']}",
                f"{test['p']:.2g}",
                *(f"{gap[key]['value']:+.4f} {_span(gap[key])}" for key in ("accuracy", "balanced_accuracy")),
            )
        )
    columns = (
        *("operating point", "same prediction", "kappa", f"right only {first} : {second}", "McNemar p"),
        *("accuracy difference", "balanced accuracy difference"),
    )
    print_table(f"{split}: predictions at each run's frozen thresholds", columns, rows)


def _print_right_and_wrong(first: str, second: str, split: str, name: str, point: Json) -> None:
    keys = ("both_right", "only_first_right", "only_second_right", "both_wrong")
    rows = [(group, *(table[key] for key in keys)) for group, table in point["right_and_wrong"].items()]
    columns = ("films", "both right", f"only {first} right", f"only {second} right", "both wrong")
    print_table(f"{split}: agreement at {name}", columns, rows)


def print_over_seeds(result: Json) -> None:
    """Print mean and range of runs that differ only by seed."""
    runs = ", ".join(f"{name} (seed {seed})" for name, seed in zip(result["runs"], result["seeds"], strict=True))
    for split in _splits_of(result):
        part = result[split]
        if part is None:
            say(f"{split}: not every run has figures")
            continue
        rows = [
            (
                _words(name),
                *("–" if row[key] is None else f"{row[key]:.4f}" for key in ("mean", "low", "high")),
            )
            for name, row in part.items()
        ]
        print_table(f"{split}: {runs}", ("figure", "mean", "smallest", "largest"), rows)


def print_robustness(run: str, split: str, result: Json) -> None:
    """Print what changes of the films did to a run."""
    part = result[split]
    keys = ("accuracy", "balanced_accuracy", "auroc", "probability_shift", "decisions_changed")
    rows = [(row["what"], *(_with_interval(row[key], 3) for key in keys)) for row in part["changes"].values()]
    title = f"{run}, {split}: {part['films']} films, changed; at {result['operating_point']} from validation"
    print_table(title, ("change", "accuracy", "balanced accuracy", "AUROC", "mean |Δp|", "predictions changed"), rows)


def print_shortcut(run: str, parts: Json) -> None:
    """Print how a run fares without the lungs, and with nothing else."""
    rows = [
        (
            f"{split}: {part['films']} films",
            *(_with_interval(part[name]) for name in ("lungs_blacked_out", "lungs_only")),
            f"{part['gap']['value']:+.4f} {_span(part['gap'])}",
        )
        for split, part in parts.items()
    ]
    title = f"{run}: AUROC with parts of the film blacked out, intervals over patients"
    print_table(title, ("films", "lungs blacked out", "all but the lungs", "gap (higher is better)"), rows)


def print_carry_over(result: Json) -> None:
    """Print what `train.evaluation.carry_over.carry_over` found."""
    parts = result["splits"]
    names = ", ".join(result["runs"])
    columns: tuple[str, ...] = ("rule", "validation films", "chosen")
    columns += tuple(f"{split}: {key}" for split in parts for key in ("accuracy", "balanced"))
    rows = [
        (
            *(row["rule"], row["seen"], "*" if row is result["best_rule"] else ""),
            *(f"{row[split][key]:.4f}" for split in parts for key in ("accuracy", "balanced_accuracy")),
        )
        for row in result["rules"]
    ]
    evaluated = " and ".join(result["judged_on"]) or "nothing"
    print_table(
        f"{names}: operating points, means over the runs; * is the best balanced accuracy on {evaluated}", columns, rows
    )
    rows = [
        (
            *(row["method"], row["seen"], "*" if row is result["best_calibration"] else ""),
            *(f"{row[split][key]:.4f}" for key in ("ece", "log_loss") for split in parts),
        )
        for row in result["calibrations"]
    ]
    columns = ("calibration", "validation films", "chosen", *(f"{split}: ECE" for split in parts))
    columns += tuple(f"{split}: log loss" for split in parts)
    print_table(f"{names}: calibration, means over the runs; * is the lowest ECE on {evaluated}", columns, rows)
    for row in result["calibrations"]:
        if row["not_fitted"]:
            say(
                f"{row['method']} on {row['seen']} validation films has no optimum in {row['not_fitted']} of "
                f"{len(result['runs'])} runs: counted, as it would ship, as the network's own probability"
            )


def _splits_of(result: Json) -> list[str]:
    return [split for split in ("validation", "shifted", "external", "test") if split in result]


def _words(name: str) -> str:
    return {"auroc": "AUROC", "ppv": "PPV", "npv": "NPV", "f1": "F1"}.get(name, name.replace("_", " "))


def _with_interval(figure: Json, digits: int = 4) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.{digits}f} [{figure['low']:.{digits}f}–{figure['high']:.{digits}f}]"


def _span(figure: Json) -> str:
    return f"[{figure['low']:+.4f} to {figure['high']:+.4f}]"
