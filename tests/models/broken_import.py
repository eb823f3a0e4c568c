"""A model whose module cannot be imported."""

import no_such_dependency  # noqa: F401


def predict() -> None:
    pass
