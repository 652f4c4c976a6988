"""The process and its machine: hosts, signals, accelerators, versions, caches."""
