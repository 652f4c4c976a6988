"""Quality over a whole split: the network, classical denoisers, a classifier."""

from aedenoise.evaluation.evaluate import evaluate, make_eval_step

__all__ = ["evaluate", "make_eval_step"]
