"""Frozen values of the inventory: what an operator can say, typed and checked."""
