"""Training for people to watch: a run that can be stopped and resumed, the digits that it learns, its picture."""

from .run import Learner, Run

__all__ = ["Learner", "Run"]
