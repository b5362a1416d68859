"""Where the benchmark finds its own files, and where it puts what it makes."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
STATE = CHECKOUT / ".lab" / "bench"
DOCS = CHECKOUT / "docs"
