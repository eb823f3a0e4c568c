"""Model files and folders: what they are, whether they are trusted, and how they are loaded.

Everything here but `loading` runs in the server's process too, so it reads heads, directories of archives
and bounded parts only: nothing is unpickled, and no framework is imported.
"""
