"""Several server processes of one machine: the first one, which starts them, and what it passes on."""
