"""Files that each server of a database can reach: a place at an object store, by a URL."""
