"""Batch jobs: the rows of one body are predicted chunk by chunk, and their answers become one file.

`inputs` reads chunks of rows, `row_by_row` and `rows_together` have the model answer them, `parts` keeps the
answers on the disk as they come, `joining` makes one file of them, and `running` is the whole way. A row that
fails has a fault in its place.
"""
