"""`/metrics`: what is counted, which metrics there are, and their text as Prometheus reads it."""
