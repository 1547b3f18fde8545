"""Training that people can watch: a run that can be stopped and resumed, its progress bar, its picture."""

from .run import Learner, Run

__all__ = ["Learner", "Run"]
