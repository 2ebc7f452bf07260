"""The queue: each row once, claimed by one, never lost."""

import sqlite3
import time
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from tests.train.studies.conftest import SCALE
from train.common.errors import UsageError
from train.studies.definition import Scale, find_study, studies, trainings_of
from train.studies.running import queue as queues
from train.studies.running.queue import claim, complete, fail, fill, give_back, put_back
from train.studies.running.storage import finished, opened_storage
from train.studies.status import count_states, standings, statuses

FACTS = {"diverged": False, "seconds": 3.0}


@pytest.fixture
def filled(url, trainings):
    with opened_storage(url, heartbeat_seconds=1, grace_seconds=3) as storage:
        yield fill(storage, SCALE, [find_study("a-width")], trainings)


def states(queue):
    return {state: count for state, count in count_states(standings(queue)).items() if count}


def test_a_row_is_put_in_once_however_often_the_command_is_given(filled, trainings):
    for _ in range(3):
        fill(filled.storage, SCALE, [find_study("a-width")], trainings)
    assert [trial.user_attrs["run"] for trial in filled.trials()] == [training.name for training in trainings]


def test_rows_of_two_studies_that_set_the_same_are_one_training(url):
    asked = [(study, row) for study in studies() for row in study.rows if study.network == "a"]
    found = trainings_of(asked, [0, 1], Scale())
    with opened_storage(url) as storage:
        queue = fill(storage, Scale(), [study for study, _ in asked], found)
        trials = queue.trials()
    assert len(trials) == len(found) < 2 * len(asked)
    shared = [trial.user_attrs["rows"] for trial in trials if len(trial.user_attrs["rows"]) > 1]
    assert ["a-width", "1.0"] in shared[0]
    assert ["a-extra-dense", "0"] in shared[0]


def test_a_worker_claims_what_waits_and_nothing_else(filled, trainings):
    claimed = [claim(filled, f"worker{number}") for number in range(len(trainings))]
    assert [each.training for each in claimed] == list(trainings)
    assert claim(filled, "late") is None
    assert states(filled) == {"running": len(trainings)}


def test_a_command_claims_its_own_rows_alone(filled, trainings):
    own = replace(filled, trainings={trainings[2].name: trainings[2]})
    assert claim(own, "worker").training == trainings[2]
    assert claim(own, "worker") is None


def test_a_result_is_kept_with_its_facts_and_found_again(filled, url, trainings):
    claimed = claim(filled, "worker")
    assert complete(filled, claimed, FACTS, 0.25)
    (trial,) = filled.trials(TrialState.COMPLETE)
    assert (trial.value, trial.user_attrs["seconds"]) == (0.25, 3.0)
    (found,) = finished(url)
    assert (found.run.name, found.rows) == (trainings[0].name, trainings[0].rows)
    assert (found.scale, found.seed, found.diverged) == (SCALE.label, 0, False)
    (row,) = [row for row in statuses(url) if row["study"] == "a-width"]
    assert (row["complete"], row["waiting"], row["seconds_left"]) == (1, len(trainings) - 1, 3.0 * (len(trainings) - 1))


def test_what_is_given_back_waits_again(filled):
    first = claim(filled, "worker")
    assert give_back(filled, first)
    assert claim(filled, "worker") == first


def test_the_row_of_a_worker_that_is_known_to_be_dead_is_put_back_at_once(filled):
    claimed = claim(filled, "dead")
    claim(filled, "alive")
    assert put_back(filled, ["dead"]) == [claimed.training.name]
    assert put_back(filled, ["dead"]) == []
    assert len([1 for trial in filled.trials() if trial.user_attrs["run"] == claimed.training.name]) == 2


def test_the_row_of_a_worker_that_gives_no_sign_of_life_is_put_back(filled):
    claimed = claim(filled, "silent")
    until = time.monotonic() + 60
    while not (back := put_back(filled)):
        assert time.monotonic() < until
    assert back == [claimed.training.name]
    # It was alive after all: the row is another's now.
    assert not complete(filled, claimed, FACTS, 0.25)
    assert not give_back(filled, claimed)
    assert "complete" not in states(filled)


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)], indirect=True)
def test_signs_of_life_keep_a_row(filled):
    with queues.heartbeat(filled, claim(filled, "alive")):
        until = time.monotonic() + 4.5  # of grace there are three
        while time.monotonic() < until:
            assert put_back(filled) == []


def test_a_row_is_not_forgotten_when_whoever_took_it_from_a_dead_worker_dies_too(filled):
    claimed = claim(filled, "dead")
    filled.storage.set_trial_state_values(claimed.trial, TrialState.FAIL)  # and no further
    assert put_back(filled) == [claimed.training.name]


def test_a_row_that_kills_its_workers_is_left_out_in_the_end_and_tried_again_by_the_next_command(filled, trainings):
    only = replace(filled, trainings={trainings[0].name: trainings[0]})
    deaths = 0
    while claim(only, "dead"):
        deaths += 1
        put_back(only, ["dead"])
    assert deaths == queues.MOST_DEATHS
    assert [standing.why for standing in standings(only)] == ["the process that ran it died"]
    fill(filled.storage, SCALE, [find_study("a-width")], trainings)
    assert claim(only, "alive").training == trainings[0]


def test_a_row_that_fails_says_why_and_is_tried_again_by_the_next_command(filled, trainings):
    only = replace(filled, trainings={trainings[0].name: trainings[0]})
    fail(only, claim(only, "worker"), "no such weights")
    assert put_back(only, ["worker"]) == []
    assert [(each.state, each.why) for each in standings(only)] == [("failed", "no such weights")]
    fill(filled.storage, SCALE, [find_study("a-width")], trainings)
    assert states(only) == {"waiting": 1}


def test_another_scale_is_another_study(filled, url, trainings):
    other = Scale(image_size=64)
    study = find_study("a-width")
    fill(filled.storage, other, [study], trainings_of([(study, row) for row in study.rows], [0], other))
    assert {row["scale"] for row in statuses(url) if row["study"] == "a-width"} == {SCALE.label, other.label}


def test_a_study_that_was_edited_is_refused_with_the_difference(filled, trainings):
    study = find_study("a-width")
    wider = replace(study.rows[0], changes={**study.rows[0].changes, "width": 0.3})
    edited = replace(study, rows=(wider, *study.rows[2:], replace(study.rows[1], key="new")))
    with pytest.raises(UsageError) as refused:
        fill(filled.storage, SCALE, [edited], trainings)
    said = str(refused.value)
    for part in ("a-width was edited", "row 0.25: width: 0.25 → 0.3", "row 0.5: gone", "row new: new", "--storage"):
        assert part in said
    assert "\n" not in said


def test_a_study_is_refused_where_other_defaults_make_other_trainings(filled, trainings, monkeypatch):
    monkeypatch.setattr(queues, "run_name", lambda _settings: "study-of-another-version")
    with pytest.raises(UsageError, match="have other defaults now"):
        fill(filled.storage, SCALE, [find_study("a-width")], trainings)


def test_sqlite_takes_turns_and_waits_for_a_writer(runs):
    with opened_storage(f"sqlite:///{runs / 'studies.db'}") as storage, storage.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"  # inside a transaction, which locks
        other = sqlite3.connect(runs / "studies.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
