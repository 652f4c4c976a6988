"""What a code is good for: classifiers on it and through it, scores, and a picture of it."""
