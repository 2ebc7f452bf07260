"""How a study's trainings are shared out among Ray's machines, and what a task's end means."""

import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from train.common.errors import PneumoscopeError, UsageError
from train.common.ray_cluster import Cluster
from train.studies.running import ray_tasks as module
from train.studies.running.ray_tasks import RayTasks, ray_tasks, run_task
from train.studies.running.training import OutOfTime


@pytest.fixture
def shared_out(monkeypatch):
    """Share trainings out among machines of so many (CPUs, GPUs): tasks at a time, CPUs and GPUs of each."""

    def share(machines, workers=None, gpus=None, device="auto", *, is_local=False):
        @contextmanager
        def join(_address, *, cpus, environment):
            assert cpus is None or cpus >= workers
            assert Path(environment["PNEUMOSCOPE_RUNS"]).is_absolute()
            nodes = [{"Alive": True, "Resources": {"CPU": cpus, "GPU": gpus}} for cpus, gpus in machines]
            gone = {"Alive": False, "Resources": {}}
            yield Cluster(SimpleNamespace(nodes=lambda: [*nodes, gone]), is_local, "a cluster")

        monkeypatch.setattr(module, "start_or_join", join)
        with ray_tasks(None, workers, gpus, device) as tasks:
            return tasks.count, tasks.threads, tasks.gpus

    return share


def test_without_gpus_each_machine_trains_one_with_all_its_processors(shared_out):
    assert shared_out([(0, 0), (16, 0), (8, 0)]) == (2, 8, 0)


def test_several_share_a_machine(shared_out):
    assert shared_out([(8, 0)], workers=3) == (3, 2, 0)
    assert shared_out([(2, 0)], workers=3, is_local=True) == (3, 1, 0)


def test_each_has_a_gpu_where_there_are_any_or_a_share_of_one(shared_out):
    assert shared_out([(16, 1), (16, 2), (64, 0)]) == (3, 10, 1)
    assert shared_out([(16, 1), (16, 2)], gpus=0.5) == (6, 5, 0.5)
    assert shared_out([(16, 1)], device="cpu") == (1, 16, 0)
    assert shared_out([(16, 1)], gpus=0) == (1, 16, 0)


def test_machines_that_a_cluster_is_still_to_get_are_waited_for(shared_out):
    assert shared_out([(0, 0)], workers=4, gpus=0.5) == (4, 1, 0.5)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"gpus": 0.5, "is_local": True, "workers": 1}, "expected one with 0.5 GPUs .* the most GPUs of one are 0"),
        ({"device": "gpu"}, "expected one with 1 GPUs"),
        ({"gpus": 1.5}, "a share of one GPU or a whole number of them. Received: 1.5"),
        ({"gpus": 0.5, "device": "cpu"}, "no meaning with --device cpu"),
        ({"gpus": 0, "device": "gpu"}, "--num-gpus 0 has no meaning with --device gpu"),
    ],
)
def test_what_ray_does_not_have_is_said(shared_out, asked, said):
    with pytest.raises(UsageError, match=said):
        shared_out([(4, 0)], **asked)


ORDERS = SimpleNamespace()


@pytest.mark.parametrize(
    ("found", "way", "why"),
    [
        (1, "done", ""),
        (0, "idle", ""),
        (KeyboardInterrupt(), "idle", ""),
        (OutOfTime(), "idle", ""),
        (PneumoscopeError("the disk is full"), "refused", "the disk is full"),
    ],
)
def test_what_a_task_says_of_its_end_and_it_gives_its_output_back(monkeypatch, tmp_path, capfd, found, way, why):
    def work(orders, *, print_into, at_most):
        assert (orders, at_most) == (ORDERS, 1)
        print_into(tmp_path / "log")
        os.write(1, b"of the training")
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(module, "work", work)
    monkeypatch.setattr(module, "prepare", lambda _orders: None)
    monkeypatch.chdir(tmp_path)
    ended = run_task(ORDERS, tmp_path / "log", tmp_path)
    os.write(1, b"of the next")
    assert (ended.way, ended.why) == (way, why)
    assert ((tmp_path / "log").read_text(), capfd.readouterr().out) == ("of the training", "of the next")


def test_a_folder_that_a_machine_does_not_have_is_named(tmp_path):
    ended = run_task(ORDERS, tmp_path / "log", tmp_path / "gone")
    assert ended.way == "refused"
    assert ended.why.startswith(f"{tmp_path / 'gone'}: not on a machine of the cluster")


class Failed(Exception):  # noqa: N818  # stands for several of Ray's
    """What Ray raises."""

    cause = ModuleNotFoundError("No module named 'keras'")


@pytest.mark.parametrize(
    ("name", "way", "why"),
    [
        ("TaskCancelledError", "idle", ""),
        ("RayTaskError", "refused", "No module named 'keras'"),
        ("RuntimeEnvSetupError", "refused", "cannot bring the code"),
        ("RayError", "died", "the worker died"),
    ],
)
def test_what_ray_says_of_a_tasks_end(tmp_path, name, way, why):
    names = ("TaskCancelledError", "RayTaskError", "RuntimeEnvSetupError", "RayError")
    exceptions = {each: type(each, (Failed,), {}) for each in names}

    def get(_task):
        raise exceptions[name]("the worker died")

    ray = SimpleNamespace(
        exceptions=SimpleNamespace(**exceptions),
        get=get,
        wait=lambda tasks, timeout: (tasks if timeout == 0 else [], []),
    )
    ended = RayTasks(ray, 1, 1, 0, 1, "").ended("a task", tmp_path / "log")
    assert ended.way == way
    assert why in ended.why


def test_tasks_are_interrupted_and_what_stays_is_ended_for_good():
    cancelled = []

    def wait(tasks, *, num_returns, timeout):
        assert (num_returns, timeout) == (len(tasks), 30)
        stubborn = [task for task in tasks if task == "stubborn" and ("stubborn", True) not in cancelled]
        return [task for task in tasks if task not in stubborn], stubborn

    ray = SimpleNamespace(
        exceptions=SimpleNamespace(RayError=Failed),
        cancel=lambda task, *, force: cancelled.append((task, force)),
        wait=wait,
    )
    RayTasks(ray, 2, 1, 0, 1, "").stop(["willing", "stubborn"], 30)
    assert cancelled == [("willing", False), ("stubborn", False), ("stubborn", True)]
