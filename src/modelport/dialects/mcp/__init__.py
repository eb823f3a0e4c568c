"""The Model Context Protocol, by which assistants use what a server has: here, models as tools.

A tool is a request of the API that stands already, made within the server (`server/own_requests.py`), so that
the door, limits, words and records are those of that request; this folder knows nothing of models' answers.
"""
