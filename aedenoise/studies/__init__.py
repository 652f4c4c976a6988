"""Studies of many runs: decoder comparison, probing, label flips, robustness, galleries."""
