"""Evaluation: quality over a whole split beside its yardsticks, and denoising from a run."""

from aedenoise.evaluation.evaluate import evaluate, make_eval_step

__all__ = ["evaluate", "make_eval_step"]
