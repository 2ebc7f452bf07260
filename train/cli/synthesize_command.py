"""The command `data synthesize`."""

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from train.cli.options import DataRoot, NewFolder
from train.common.console import AsJson, Debug, print_json, print_table, progress_bar, say, say_next
from train.common.errors import UsageError

if TYPE_CHECKING:
    from train.synthetic.film_folder import Synthesis


def synthesize_command(
    folder: NewFolder,
    data: DataRoot = None,
    count: Annotated[int, typer.Option(help="Films per class, 1 to 99.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the drawing. Same seed, same films.")] = 0,
    split_seed: Annotated[
        int, typer.Option(help="Seed of the split; for a network's demo the one it was trained with.")
    ] = 0,
    image_size: Annotated[int, typer.Option(help="Side of a film in pixels, 32 to 512.")] = 224,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Draw films like yours that show no patient.

    A statistical model of shape, grey and texture is fitted to the training films of each class; validation and
    test films are never opened. A drawn film nearer to a training film than films of different patients are to each
    other (the nearest 5 %; also mirrored) is thrown away and drawn again. The figures stand in DIR/synthesis.json.
    """
    from train.synthetic.film_folder import make_synthetic_films

    if data is None:
        raise UsageError("which films? give --data, or set PNEUMOSCOPE_DATA to the folder that holds chest_xray/")
    synthesis = make_synthetic_films(folder, data, count, seed, split_seed, image_size, progress_bar)
    if as_json:
        print_json({"folder": str(folder), **asdict(synthesis)})
    else:
        _print_synthesis(synthesis)
    say_next(f"pneumoscope predict {shlex.quote(str(folder))}")


def _print_synthesis(synthesis: "Synthesis") -> None:
    rows = [
        [name, model.films, model.patients, model.components, model.leading_components, model.leading_variance]
        for name, model in synthesis.training.items()
    ]
    columns = ["class", "films", "patients", "components", "leading", "variance they explain"]
    print_table("Models of the training films", columns, rows)
    by_measure = synthesis.between_patients
    percentiles = next(iter(by_measure.values()))
    rows = [[f"{percent} %", *(distances[percent] for distances in by_measure.values())] for percent in percentiles]
    columns = ["of training films", *(f"{measure}: nearest within" for measure in by_measure)]
    print_table("Nearest film of another patient", columns, rows)
    rows = [
        [
            film.film,
            *(near for found in film.nearest.values() for near in (found.distance, found.percentile)),
            film.largest_share,
            film.tries,
        ]
        for film in synthesis.films
    ]
    measured = [column for measure in synthesis.limits for column in (f"{measure}: nearest", f"{measure}: percentile")]
    columns = ["synthetic film", *measured, "largest share of one film", "tries"]
    print_table("Nearest training film, upright or mirrored", columns, rows)
    thrown_away = sum(film.tries - 1 for film in synthesis.films)
    nearest = ", ".join(f"{limit} ({measure})" for measure, limit in synthesis.limits.items())
    say(f"{len(synthesis.films)} films; {thrown_away} thrown away as nearer than {nearest}")
