"""A single run: workload, training hooks, evaluation, records and figures."""
