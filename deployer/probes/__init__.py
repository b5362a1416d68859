"""Proof by visit: what a visitor of every site and location would ask, and what the answers mean."""

from deployer.probes.leaf import Leaf, leaf_served
from deployer.probes.questions import Question, questions
from deployer.probes.regressions import regressions
from deployer.probes.visit import Timing, ask

__all__ = ["Leaf", "Question", "Timing", "ask", "leaf_served", "questions", "regressions"]
