"""Puts this folder on the path of every ring: `transport_contract` is shared."""

import os
import signal

# A stream without a buffer has nothing left to complain of at the end; few users have that.
os.environ.pop("PYTHONUNBUFFERED", None)

# Who runs the tests in the background, or under nohup, hands down signals that are ignored, and deployer
# leaves them so. Tests that press Ctrl-C, or close a terminal, mean programs that were started from one.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
