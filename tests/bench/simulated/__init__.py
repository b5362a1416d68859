"""A fleet of simulated hosts: one SSH server that answers on an address per host, and runs the real script.

What is real: SSH, the script under `sh`, its files in a folder per host, TLS and HTTP of the probes. What is
not: nginx, dpkg and curl of the hosts are scripts of a few lines that succeed at once, all hosts share one
process that passes for nginx's master, and one nginx with sites of the same names answers all probes.
"""
