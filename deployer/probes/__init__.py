"""Proof by visit: what a visitor of every site and location would ask, and what the answers mean."""

from typing import TYPE_CHECKING

from deployer.lazily import names
from deployer.probes.questions import Question, questions
from deployer.probes.regressions import regressions

if TYPE_CHECKING:
    from deployer.probes.leaf import Leaf, leaf_served
    from deployer.probes.visit import Timing, ask, longest
else:
    # The visitors need h11 and websockets: who has nothing to change asks nobody.
    __getattr__ = names(__name__, {"leaf": "Leaf leaf_served", "visit": "Timing ask longest"})


__all__ = ["Leaf", "Question", "Timing", "ask", "leaf_served", "longest", "questions", "regressions"]
