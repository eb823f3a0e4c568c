"""Batch jobs: the rows of one body are predicted chunk by chunk, and their answers become one file.

`inputs` reads chunks of rows, `predicting` has the model answer them, `parts` keeps the answers on the disk
as they come, `joining` makes one file of them, and `running` is the whole way. A row that fails has a fault
in its place.
"""
