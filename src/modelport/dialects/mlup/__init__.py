"""mlup: the API of one model at the root, as mlup's web application has it.

Source: the page "Web app API" of mlup, and exchanges recorded from mlup 0.4.
"""
