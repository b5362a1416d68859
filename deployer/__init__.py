"""One inventory becomes proven nginx on real hosts, and goes back when the proof fails."""

__version__ = "0.1.0"
