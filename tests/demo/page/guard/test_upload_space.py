"""Room for uploads: of one client, of all, and on the disk."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from demo.page.guard import upload_space
from demo.page.guard.asgi import RefusedError
from demo.page.guard.upload_space import Owner, Quota, StoredFile, UploadSpace

MB = 1_000_000


@pytest.fixture
def disk(monkeypatch):
    """The disk as it is said to be."""
    disk = SimpleNamespace(total=100_000 * MB, used=0, free=50_000 * MB)
    monkeypatch.setattr(upload_space.shutil, "disk_usage", lambda _: disk)
    return disk


def store(space, folder, client, size, name):
    path = folder / name
    path.write_text("film")
    space.stored[path] = StoredFile(Owner(None, None, client), size)
    return path


def refused(space, client, size, folder):
    with pytest.raises(RefusedError) as refusal, space.room_for(client, size, folder):
        pass
    return refusal.value.status


@pytest.mark.usefixtures("disk")
def test_a_client_has_its_quota_until_its_films_are_read(tmp_path):
    space = UploadSpace(Quota(per_client=10 * MB, in_all=100 * MB))
    film = store(space, tmp_path, "anna", 8 * MB, "film")
    assert refused(space, "anna", 3 * MB, tmp_path) == 429
    with space.room_for("bela", 3 * MB, tmp_path):
        pass
    film.unlink()
    with space.room_for("anna", 3 * MB, tmp_path):
        assert refused(space, "anna", 8 * MB, tmp_path) == 429  # what is on its way counts
    with space.room_for("anna", 8 * MB, tmp_path):
        pass
    assert space.coming == {}


@pytest.mark.usefixtures("disk")
def test_all_clients_together_have_theirs(tmp_path):
    space = UploadSpace(Quota(per_client=10 * MB, in_all=15 * MB))
    store(space, tmp_path, "anna", 9 * MB, "film")
    with space.room_for("bela", 5 * MB, tmp_path):
        assert refused(space, "clara", 2 * MB, tmp_path) == 507


@pytest.mark.usefixtures("disk")
def test_many_small_films_fill_the_disk_too(tmp_path, monkeypatch):
    monkeypatch.setattr(upload_space, "MOST_FILES_PER_CLIENT", 2)
    space = UploadSpace()
    store(space, tmp_path, "anna", 1, "one")
    store(space, tmp_path, "anna", 1, "two")
    assert refused(space, "anna", 1, tmp_path) == 429


def test_a_disk_that_has_no_room_is_not_filled(tmp_path, disk):
    space = UploadSpace()
    disk.free = 230 * MB
    with space.room_for("anna", 25 * MB, tmp_path):
        assert refused(space, "bela", 10 * MB, tmp_path) == 507
    disk.total, disk.free = 20 * MB, 19 * MB  # as a container's own
    assert refused(space, "anna", 30 * MB, tmp_path) == 507
    with space.room_for("anna", 10 * MB, tmp_path):
        pass


def test_room_comes_back_though_an_upload_fails(tmp_path):
    space = UploadSpace()
    assert shutil.disk_usage(tmp_path).free > 300 * MB
    with pytest.raises(KeyError), space.room_for("anna", 1, tmp_path):
        raise KeyError
    assert space.coming == {}


def test_whose_an_upload_is():
    page, program = Owner("page", None, "192.0.2.1"), Owner(None, None, "192.0.2.1")
    annas_page, annas_program = Owner("page", "anna", "192.0.2.1"), Owner(None, "anna", "192.0.2.1")
    for owner in (page, program, annas_page, annas_program):
        assert owner.is_same(owner)
        assert owner.may_fetch(owner)
    # A telephone's address changes; its page, or its login, does not.
    assert page.is_same(replace(page, client="192.0.2.9"))
    assert annas_program.is_same(replace(annas_program, client="192.0.2.9"))
    for one, other in (
        (page, program),
        (page, replace(page, session="another")),
        (program, replace(program, client="192.0.2.9")),
        (annas_program, program),
        (annas_program, replace(annas_program, user="ben")),
        (annas_program, annas_page),
    ):
        assert not one.is_same(other)
        assert not other.is_same(one)
    assert not annas_page.may_fetch(replace(annas_page, user="ben"))
    assert not page.may_fetch(replace(page, client="192.0.2.9"))
