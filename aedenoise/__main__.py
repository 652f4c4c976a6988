"""Runs the command line: ``python -m aedenoise`` equals ``python -m aedenoise.main``."""

from aedenoise.main import run

if __name__ == "__main__":
    run()
