"""Process and machine: hosts, signals, accelerators, versions, caches."""
