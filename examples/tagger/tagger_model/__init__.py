"""Tags projects by their text: the task of the "Made With ML" API lesson."""

__version__ = "1.0.0"
