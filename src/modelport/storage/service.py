"""What outlives a server, for its jobs and its runs: the data folder, and the database there or elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from modelport.settings import Settings, data_folder
from modelport.siblings import Siblings
from modelport.storage.data_folder import DATABASE
from modelport.storage.database import Database
from modelport.storage.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnavailable

log = logging.getLogger("modelport.jobs")


class Storage:
    """The database of one server. `serving.life` opens it before jobs and runs begin, and closes it after.

    It may be missing: then `unavailable` says why, and so does whoever asks for the database.
    """

    def __init__(self, settings: Settings, siblings: Siblings | None = None):
        self.folder = data_folder(settings.data_dir)
        self.is_file = not settings.database_url  # and so of one server; servers may share a PostgreSQL
        self.siblings = siblings  # the other processes of this server
        self.unavailable = "the server is starting"  # why there is no database; empty when there is one
        self._poll_seconds = settings.poll_seconds
        self._where = settings.database_url or str(self.folder / DATABASE)
        self._database: Database | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other servers, or other processes of this one, may use it, too."""
        return not self.is_file or self.siblings is not None

    @property
    def database(self) -> Database:
        """The database. Raises `StoreUnavailable` with the reason if this server has none."""
        if self._database is None:
            raise StoreUnavailable(self.unavailable)
        return self._database

    def may_exist(self) -> bool:
        """False if there is no database yet, and so nothing that is kept."""
        try:
            return not self.is_file or (self.folder / DATABASE).exists()
        except OSError:  # a folder that cannot be looked at, as opening it will say
            return True

    async def open(self, look: Callable[[Database], Awaitable[None]]) -> None:
        """Open the database, once `look` has looked at it. Raises what `Database.open` and `look` do."""
        database = await Database.open(self._where, siblings=self.siblings)
        try:
            await look(database)
        except BaseException:
            await database.close()
            raise
        self._database = database
        database.poll_seconds = self._poll_seconds
        database.follow()
        self.unavailable = ""

    def give_up(self, error: Exception) -> None:
        """Do without a database, for this reason, which the log says: predictions go on."""
        self.unavailable = f"this server has no jobs: {self._why(error)}"
        log.error("%s", self.unavailable)

    @staticmethod
    def may_come(error: Exception) -> bool:
        """Whether a database that could not be opened may be there later, with nothing done here."""
        return isinstance(error, StoreError) and not isinstance(error, StoreDamaged | StoreTooNew)

    def _why(self, error: Exception) -> str:
        if not isinstance(error, OSError):
            return str(error)
        reason = error.strerror or str(error)
        return f"its data folder {self.folder} cannot be used ({reason}): give another with --data-dir"

    async def close(self) -> None:
        """Write what waits and let go of the database."""
        if self._database is not None:
            self.unavailable = "the server is stopping"
            database, self._database = self._database, None
            await database.close()
