"""The benchmark: the same job by deployer and its peers, on hosts of its own, in one run.

`make bench`, or `python -m tests.bench --help`. No test: pytest collects nothing here.
"""
