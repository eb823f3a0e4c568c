"""How inputs and answers are spread against those of a reference, and how right answers were.

`report.py` is made in a process of its own (`process.py`), which reads the payload log.
"""
