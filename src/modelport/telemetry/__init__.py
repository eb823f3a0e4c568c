"""What is told of how it goes: metrics, traces, the access log, samples of what was asked."""
