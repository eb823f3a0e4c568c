"""The history of the tables: each file in `versions` brings a database from one version to the next."""
