import csv
import json
import os
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn import metrics

from train.common.errors import PneumoscopeError
from train.data.cohort import Cohort, index_cohort, read_split, write_split
from train.metrics.scores import probability, read_scores
from train.runs.run_folder import RunFolder
from train.runs.settings import make_settings
from train.runs.settings_file import dump_settings
from train.runs.test_set_log import TEST_READS
from train.studies import measure as measuring
from train.studies.measure import FilmsOfStudies, lacks, measure

ROWS = (("a-width", "1.0"),)


@dataclass(frozen=True)
class Done:
    run: RunFolder
    scale: str = "32 px"
    seed: int = 0
    rows: tuple[tuple[str, str], ...] = ROWS
    diverged: bool = False


@pytest.fixture
def done(copied_run, phantom_root, tmp_path, monkeypatch):
    """A finished training of a study: its split knows no test films, nothing of it is evaluated."""
    monkeypatch.chdir(tmp_path)  # where readings of test films are logged
    split = read_split(copied_run.split, phantom_root)
    write_split(Cohort(split.root, tuple(film for film in split.films if film.split != "test")), copied_run.split)
    for path in (copied_run.scores, copied_run.evaluation):
        path.unlink()
    return Done(copied_run)


def readings(tmp_path):
    log = tmp_path / TEST_READS
    return list(csv.DictReader(log.read_text().splitlines())) if log.exists() else []


def test_the_figures_are_scikit_learns(done, phantom_root, tmp_path):
    found = measure(done, FilmsOfStudies(phantom_root), test=True)
    scores = read_scores(done.run.scores)
    stage = found.stages["train"]
    for split, figures in (("validation", stage.validation), ("test", stage.test)):
        rows = scores.of_split(split)
        likely = probability(rows.logits)
        assert figures.films == len(rows)
        assert figures.half.accuracy.value == pytest.approx(
            metrics.accuracy_score(rows.labels, likely >= 0.5), abs=1e-6
        )
        assert figures.loss == pytest.approx(metrics.log_loss(rows.labels, likely), abs=1e-5)
        assert figures.auroc.value == pytest.approx(metrics.roc_auc_score(rows.labels, likely), abs=1e-6)
        precision, recall, _ = metrics.precision_recall_curve(rows.labels, likely)
        best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
        assert figures.f1_maximum == pytest.approx(best, abs=1e-6)
        at_best = metrics.f1_score(rows.labels, likely >= figures.f1_maximum_at)
        assert at_best == pytest.approx(best, abs=1e-6)
        for at in (figures.half, figures.chosen):
            assert at.accuracy.low <= at.accuracy.value <= at.accuracy.high
    rows = scores.of_split("validation")
    alarms, recall, _ = metrics.roc_curve(rows.labels, probability(rows.logits))
    chosen = stage.validation.chosen
    assert chosen.sensitivity.value + chosen.specificity.value - 1 == pytest.approx(np.max(recall - alarms), abs=1e-6)
    assert stage.test.chosen.threshold == chosen.threshold
    assert (found.rows, found.scale, found.seed, found.operating_point) == (ROWS, "32 px", 0, "youden")
    assert found.seconds > 0
    assert found.epochs == 3


def test_the_test_films_are_the_data_roots_own_and_the_reading_is_logged_once(done, phantom_root, tmp_path):
    films = FilmsOfStudies(phantom_root)
    measured = measure(done, films, test=True)
    expected = {film.path for film in index_cohort(phantom_root).of_split("test")}
    assert set(read_scores(done.run.scores).of_split("test").films) == expected
    assert [row["run"] for row in readings(tmp_path)] == ["tiny"]
    assert lacks(done, test=True) == ()
    assert measure(done, None, test=True) == measured  # nothing is read again
    assert len(readings(tmp_path)) == 1


def test_without_test_the_test_films_are_not_even_listed(done, phantom_root, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "index_cohort", lambda _root: pytest.fail("the test films were looked for"))
    found = measure(done, FilmsOfStudies(phantom_root), test=False)
    assert found.stages["train"].test is None
    assert readings(tmp_path) == []
    assert set(read_scores(done.run.scores).splits) == {"validation"}
    assert lacks(done, test=False) == ()
    assert [files.stage for files in lacks(done, test=True)] == ["train"]


def test_the_threshold_stands_when_test_is_read_later(done, phantom_root, monkeypatch):
    frozen = measure(done, FilmsOfStudies(phantom_root), test=False).stages["train"].validation
    monkeypatch.setattr(measuring, "evaluate_validation", lambda *_, **__: pytest.fail("chosen again"))
    later = measure(done, FilmsOfStudies(phantom_root), test=True).stages["train"]
    assert later.validation == frozen
    assert later.test.chosen.threshold == frozen.chosen.threshold


def test_what_was_read_with_another_network_does_not_count(done, phantom_root, tmp_path):
    measure(done, FilmsOfStudies(phantom_root), test=True)
    import keras

    network = keras.saving.load_model(done.run.best_network, compile=False)
    network.set_weights([weight * 0.5 for weight in network.get_weights()])
    network.save(done.run.best_network)
    old = 1_000_000_000
    os.utime(done.run.best_network, (old, old))  # its time says nothing, its checksum does
    assert [files.stage for files in lacks(done, test=True)] == ["train"]
    before = read_scores(done.run.scores).logits
    measure(done, FilmsOfStudies(phantom_root), test=True)
    assert not np.allclose(read_scores(done.run.scores).logits, before)
    assert len(readings(tmp_path)) == 2


def test_a_run_that_was_carried_here_without_its_network_keeps_its_figures(done, phantom_root):
    measured = measure(done, FilmsOfStudies(phantom_root), test=True)
    done.run.best_network.unlink()
    assert lacks(done, test=True) == ()
    assert measure(done, None, test=True) == measured


def test_a_network_that_is_gone_is_an_error_that_says_what_to_do_unless_the_training_diverged(done):
    done.run.best_network.unlink()
    with pytest.raises(PneumoscopeError, match=r"best\.keras is missing.*train the row again"):
        lacks(done, test=True)
    for path in (done.run.environment, done.run.history):
        path.unlink()
    found = measure(replace(done, diverged=True), None, test=True)
    assert (found.stages, found.diverged, found.epochs, found.seconds) == ({}, True, 0, None)


def test_both_stages_of_b_are_measured_each_with_its_own_network(done, phantom_root, tmp_path, small_backbone):
    from train.fitting.fit import build_network

    settings = make_settings("b", {"prepare.image_size": 32, "backbone_weights": "random", "fine_tune.from_layer": 3})
    done.run.settings.write_text(dump_settings(settings))
    network = build_network(settings)
    network.save(done.run.best_network)
    network.set_weights([weight * 0.5 for weight in network.get_weights()])
    network.save(done.run.head_network)
    found = measure(done, FilmsOfStudies(phantom_root), test=True)
    assert list(found.stages) == ["head", "fine_tune"]
    assert found.stages["head"].test.loss != found.stages["fine_tune"].test.loss
    assert [row["run"] for row in readings(tmp_path)] == ["tiny (head)", "tiny"]
    assert json.loads((done.run.folder / "head_evaluation.json").read_text())["test"] is not None
    assert lacks(done, test=True) == ()


def test_heads_of_one_backbone_share_its_features_and_have_each_their_own_scores(
    done, phantom_root, tmp_path, small_backbone, monkeypatch
):
    from train.fitting import scoring
    from train.fitting.features.frozen_features import FeatureBatches
    from train.fitting.fit import build_network

    monkeypatch.setenv("PNEUMOSCOPE_CACHE", str(tmp_path / "features"))
    computed, compute = [], FeatureBatches._kept_features
    monkeypatch.setattr(
        FeatureBatches, "_kept_features", lambda batches, plan: (computed.append(plan.rows), compute(batches, plan))[1]
    )
    settings = make_settings("b", {"prepare.image_size": 32, "backbone_weights": "random", "fine_tune.epochs": 0})
    done.run.settings.write_text(dump_settings(settings))
    films, network = FilmsOfStudies(phantom_root), build_network(settings)
    for factor in (1, 0.5):
        for layer in ("dense1", "logit"):
            network.get_layer(layer).set_weights([factor * weight for weight in network.get_layer(layer).get_weights()])
        network.save(done.run.best_network)
        assert list(measure(done, films, test=True).stages) == ["head"]
        scores = read_scores(done.run.scores).of_split("test")
        images, _ = films.prepared(films.of(films.cohort(done.run), "test"), settings.prepare.spec(), "test")
        assert np.allclose(scores.logits, scoring.predict_logits(network, images, 3), atol=1e-5)
    assert len(computed) == 2  # validation and test, once for both heads


def test_a_test_film_among_the_training_films_stops_it(done, phantom_root, tmp_path):
    folder = shutil.copytree(phantom_root, tmp_path / "films")
    split = read_split(done.run.split, folder)
    stray = next(film for film in index_cohort(folder).films if film.split == "test")
    write_split(Cohort(folder, (*split.films, replace(stray, split="train"))), done.run.split)
    with pytest.raises(PneumoscopeError, match="1 test films are in the run's own split"):
        measure(done, FilmsOfStudies(folder), test=True)
