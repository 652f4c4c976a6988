"""How often a denoiser turns an image into one of another class."""
