"""Proof by visit: what a visitor of every site and location would ask, and what the answers mean."""

from deployer.probes.questions import Question, questions
from deployer.probes.regressions import regressions
from deployer.probes.visit import Timing, ask

__all__ = ["Question", "Timing", "ask", "questions", "regressions"]
