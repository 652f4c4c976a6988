"""Many runs: comparisons of decoders, probes, label flips, robustness, galleries."""
