"""One run: its workload, its training with hooks, its evaluation, its records and figures."""
