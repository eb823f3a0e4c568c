"""Predictions of rows as KServe's V1, TensorFlow Serving, MLflow and SageMaker ask for them.

Sources: KServe's "V1 Inference Protocol", MLflow's "Deploy to a local inference server" (`/invocations`), and
SageMaker's contract of a container (`/ping`, `/invocations`).
"""
