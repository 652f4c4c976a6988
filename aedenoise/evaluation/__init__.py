"""Evaluation over a whole split: network, classical denoisers, classifier, checkerboards."""

from aedenoise.evaluation.evaluate import evaluate, make_eval_step

__all__ = ["evaluate", "make_eval_step"]
