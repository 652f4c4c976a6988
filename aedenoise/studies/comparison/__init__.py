"""A grid of decoders, datasets, noise levels and seeds, trained and compared in pairs."""
