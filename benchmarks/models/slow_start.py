"""A model that takes long to load."""

import time

time.sleep(30)


def predict(**kwargs):
    return {}
