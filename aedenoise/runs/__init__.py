"""GANs: set up, evaluated, run, and made to make images."""
