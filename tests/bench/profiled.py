"""deployer under a profiler that counts processor time: waiting costs nothing, and a busy machine little.

python -m tests.bench.profiled STATS_FILE [ARGUMENT OF DEPLOYER...]
"""

import cProfile
import sys
import time
from importlib import import_module


def main() -> None:
    """Run deployer with the arguments but the first, and write the profile, however it ends."""
    profile = cProfile.Profile(time.process_time)
    stats = sys.argv.pop(1)
    try:
        # Imported under the profiler: much of a short run is imports.
        profile.runcall(lambda: import_module("deployer.__main__").main())
    finally:
        profile.dump_stats(stats)


if __name__ == "__main__":
    main()
