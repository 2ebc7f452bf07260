"""Where the state of the studies is kept: Optuna's tables in SQLite or PostgreSQL, opened by a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.common.errors import PneumoscopeError, UsageError
from train.runs.run_folder import RunFolder, runs_root
from train.studies.definition import Row, Scale, Study, studies, trainings_of

if TYPE_CHECKING:
    import sqlalchemy
    from optuna.storages import RDBStorage

#: A worker says so often that it is alive, and is taken for dead after so long without a sign.
HEARTBEAT_SECONDS, GRACE_SECONDS = 10, 60
#: How long one process waits for another that writes.
LOCKED_SECONDS = 60
STORAGE_FILE = "studies.db"
#: Of PostgreSQL's advisory lock: any number that nobody else takes.
_LOCK_KEY = 7_102_351
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+pg8000"}


@dataclass(frozen=True)
class Finished:
    """A training that is finished.

    scale: the label of its scale.
    rows: (study, row key) of what asked for it.
    diverged: its loss became no number: a result too.
    """

    run: RunFolder
    scale: str
    seed: int
    rows: tuple[tuple[str, str], ...]
    diverged: bool


def default_storage() -> str:
    """Return the URL of the storage among the runs."""
    return f"sqlite:///{runs_root() / STORAGE_FILE}"


def shown_url(url: str) -> str:
    """Return a storage's URL without its password."""
    return _parsed(url).render_as_string(hide_password=True)


@contextmanager
def opened_storage(
    url: str, *, create: bool = True, heartbeat_seconds: int = HEARTBEAT_SECONDS, grace_seconds: int = GRACE_SECONDS
) -> Iterator["RDBStorage"]:
    """Open a storage for the block, and make its tables where there are none; what it refuses meanwhile is one line.

    Args:
        url: sqlite:///FILE or postgresql://USER@HOST/DATABASE.
        create: make the file of SQLite where there is none.
        heartbeat_seconds: between two signs of life of a worker.
        grace_seconds: without one until it is taken for dead.

    Raises:
        UsageError: the URL is no such, its driver is not installed, or there is no storage to be read.
        PneumoscopeError: it is out of reach, locked, damaged, or of another version.
    """
    parsed = _parsed(url)
    with _storage_errors(url):
        if parsed.get_backend_name() == "sqlite":
            storage = _open_sqlite(parsed, create, heartbeat_seconds, grace_seconds)
        else:
            storage = _open_postgresql(parsed, heartbeat_seconds, grace_seconds)
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


@contextmanager
def exclusive(storage: "RDBStorage") -> Iterator[None]:
    """Keep every other process from the block: what is looked up in it is still true when it is acted upon.

    Its claim of a row needs none: that is one transaction.

    Raises:
        PneumoscopeError: another process does not come to an end.
    """
    if storage.engine.name == "sqlite":
        with _file_lock(Path(str(storage.engine.url.database))):
            yield
        return
    with _server_lock(storage.engine):
        yield


@contextmanager
def _storage_errors(url: str) -> Iterator[None]:
    """Say in one line what a storage refuses, without its password."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise PneumoscopeError(f"the storage {shown_url(url)} {_in_words(error)}") from error


def _parsed(url: str) -> "sqlalchemy.URL":
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise UsageError("studies need Optuna, which is not installed: pip install 'pneumoscope[study]'") from None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _unknown(url) from None
    dialect = parsed.get_backend_name()
    if dialect not in _DRIVERS or (dialect == "sqlite" and parsed.database in (None, "", ":memory:")):
        raise _unknown(parsed.render_as_string(hide_password=True))
    return parsed.set(drivername=_DRIVERS[dialect]) if parsed.drivername == dialect else parsed


def _unknown(received: str) -> UsageError:
    return UsageError(
        f"--storage must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE. Received: {received}"
    )


def _open_sqlite(parsed: "sqlalchemy.URL", create: bool, heartbeat: int, grace: int) -> "RDBStorage":
    """Open a file so that processes take turns: a transaction that may write begins by locking.

    Left to itself, SQLite lets two read that a row waits and both take it.
    """
    from sqlalchemy import event

    file = Path(str(parsed.database))
    if not file.exists():
        if not create:
            raise UsageError(f"there is no storage {file}: 'pneumoscope study run' makes one")
        file.parent.mkdir(parents=True, exist_ok=True)
    connect = {"timeout": LOCKED_SECONDS, "isolation_level": None}  # the driver begins no transaction by itself
    with _file_lock(file):
        storage = _made(parsed, {"connect_args": connect}, heartbeat, grace)
        with storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    event.listen(storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    storage.engine.dispose()
    return storage


def _open_postgresql(parsed: "sqlalchemy.URL", heartbeat: int, grace: int) -> "RDBStorage":
    """Open a database; of several processes that find it empty one makes the tables."""
    from sqlalchemy import create_engine

    try:
        engine = create_engine(parsed)
    except ImportError as error:
        raise UsageError(
            f"the storage {parsed.render_as_string(hide_password=True)} needs a package that is not installed: "
            "pip install 'pneumoscope[study-postgresql]'"
        ) from error
    try:
        with _server_lock(engine):
            return _made(parsed, {"pool_pre_ping": True}, heartbeat, grace)
    finally:
        engine.dispose()


@contextmanager
def _server_lock(engine: "sqlalchemy.Engine") -> Iterator[None]:
    """Hold PostgreSQL's lock of the studies; the server frees it when its holder dies."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCKED_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_KEY})")
        connection.commit()  # the lock is the session's, no transaction stays open meanwhile
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK_KEY})")
            connection.commit()


def _made(parsed: "sqlalchemy.URL", engine: dict[str, Any], heartbeat: int, grace: int) -> "RDBStorage":
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = parsed.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")  # Optuna fills templates
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # that the heartbeat may change
        storage = optuna.storages.RDBStorage(
            *(url, engine), skip_compatibility_check=True, heartbeat_interval=heartbeat, grace_period=grace
        )
    # Checked here: Optuna's own check leaves the connection open that it fails on.
    if storage.get_current_version() != storage.get_head_version():
        storage.engine.dispose()
        raise PneumoscopeError(
            f"the storage {parsed.render_as_string(hide_password=True)} was made by another version of Optuna than "
            f"{optuna.__version__}: install that one, bring it up with 'optuna storage upgrade --storage URL', or give "
            "another --storage"
        )
    return storage


@contextmanager
def _file_lock(file: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(f"{file}.lock", timeout=LOCKED_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise PneumoscopeError(
            f"the storage {file} has been locked by another process for {LOCKED_SECONDS} seconds: wait for its end"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _in_words(error: BaseException) -> str:
    """What went wrong, and what to do about it."""
    causes = [error]
    while following := causes[-1].__cause__ or getattr(causes[-1], "orig", None):
        causes.append(following)
    reason = " ".join(str(causes[-1]).split())[:200]
    known = {
        "locked": f"has been locked by another process for {LOCKED_SECONDS} seconds: wait for its end",
        "full": "has no room left on its disk: make room, then give the same command again",
        "not a database": "is no SQLite database: expected one that 'pneumoscope study run' made; give another",
        "malformed": "is damaged: expected a whole SQLite database; give another, finished runs are taken over",
        "readonly": "cannot be written to: choose a place that is yours to write",
        "unable to open": "cannot be opened: expected a file in a folder that is yours to write",
    }
    for sign, words in known.items():
        if sign in reason:
            return words
    return f"is out of reach ({reason}): see that the server runs and lets you in, or give another --storage"


def finished(url: str) -> tuple[Finished, ...]:
    """Return what is finished in a storage, of all scales, in the order of the storage.

    Which rows a training is of follows from the studies as they are defined now, not as they were when it was run.

    Raises:
        UsageError, PneumoscopeError: as `opened_storage`.
    """
    from optuna.trial import TrialState

    found = []
    with opened_storage(url, create=False) as storage:
        for study, scale, seeds in scales_of(storage):
            rows = {training.name: training.rows for training in trainings_of(every_row(), seeds, scale)}
            for trial in storage.get_all_trials(study, deepcopy=False, states=(TrialState.COMPLETE,)):
                facts = trial.user_attrs
                if facts["run"] in rows:
                    run = RunFolder(runs_root() / facts["run"])
                    found.append(Finished(run, scale.label, facts["seed"], rows[facts["run"]], facts["diverged"]))
    return tuple(found)


def scales_of(storage: "RDBStorage") -> list[tuple[int, Scale, list[int]]]:
    """Return the scales that a storage has trainings of: the number of Optuna's study, the scale, the seeds."""
    found = []
    for study in storage.get_all_studies():
        if "scale" in study.user_attrs:
            trials = storage.get_all_trials(study._study_id, deepcopy=False)
            seeds = sorted({trial.user_attrs["seed"] for trial in trials if "seed" in trial.user_attrs})
            found.append((study._study_id, Scale(**study.user_attrs["scale"]), seeds))
    return found


def every_row() -> list[tuple[Study, Row]]:
    """Return all rows of all studies, each with its study."""
    return [(study, row) for study in studies() for row in study.rows]
