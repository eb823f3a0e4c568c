"""What `/metrics` shows of models, jobs, the database and HTTP; telemetry/metrics lists what that is."""
