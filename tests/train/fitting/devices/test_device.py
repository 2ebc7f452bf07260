"""What is asked of the machine beside the device."""

import os

from train.fitting.devices.device import THREADS_OF_A_GPU, Device, picture_threads


def test_a_gpu_is_fed_by_several_threads_and_processes_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    gpu = Device("gpu", "device: GPU")
    assert [picture_threads(gpu, processes) for processes in (1, 4, 32)] == [THREADS_OF_A_GPU, 4, 1]
    assert picture_threads(Device("cpu", "device: CPU")) == 1
