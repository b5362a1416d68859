"""Puts this folder on the path of every ring: `transport_contract` is shared."""
