"""The contract of an action's container of Apache OpenWhisk: `/init` once, then `/run` for each activation.

Source: OpenWhisk's "Adding action language runtimes" (Action Interface, Logs) and "Web actions", and what its
test-suite of runtimes asks (`BasicActionRunnerTests`).
"""
