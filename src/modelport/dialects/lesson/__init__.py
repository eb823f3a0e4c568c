"""The lesson: the API of one model at the root, as the API lesson of Made With ML has it, in its envelope.

Source: that lesson, which was made with FastAPI over pydantic 1.
"""
