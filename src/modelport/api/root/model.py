"""The one model that answers at the root, and how many of its requests are in work."""

from __future__ import annotations

from modelport.api.named_models import told_there
from modelport.engine.ports import Engine, Pool
from modelport.identity.principals import Principal
from modelport.problems import Problem
from modelport.settings import Settings
from modelport.settings.groups.mlup import Mode


class RootModel:
    """The only model of a server, or the one that `default_model` names. One for the application."""

    def __init__(self, engine: Engine, settings: Settings):
        self.engine = engine
        self.settings = settings
        self._in_work = 0  # requests to /predict that are not answered yet
        self.name = self._name()  # None if no model is meant
        self._most = settings.throttling_max_requests

    def _name(self) -> str | None:
        names = [source.name for source in self.engine.sources]
        if self.settings.default_model is not None:
            return self.settings.default_model if self.settings.default_model in names else None
        return names[0] if len(names) == 1 else None

    def pool(self, by: Principal) -> Pool:
        """The workers for one call by somebody. Raises `Problem` 404, as `known_name`."""
        return self.engine.route(self.known_name(by))

    def known_name(self, by: Principal) -> str:
        """The model's name, for somebody. Raises `Problem` 404 that says what to do if no model is meant."""
        name = self.name
        if name is not None and name in self.engine.pools:
            return name
        wanted = self.settings.default_model
        why = f"there is no model {wanted!r}" if wanted else "no model is the default one"
        raise Problem(
            404,
            f"{why}: --default-model names the model for this path, or use /v2/models/"
            f"{told_there(self.engine, by)}",
        )

    def begin(self) -> None:
        """A request to /predict is in work."""
        self._in_work += 1

    def end(self) -> None:
        """It is answered, or was given up."""
        self._in_work -= 1

    @property
    def is_busy(self) -> bool:
        """True if no further request may be in work."""
        return self._most is not None and self._in_work >= self._most

    @property
    def wait_seconds(self) -> float | None:
        """How long a client of /predict waits for its answer; `None`: as long as a prediction may take."""
        return None if self.settings.mode == Mode.DIRECTLY_TO_PREDICT else self.settings.ttl_client_wait
