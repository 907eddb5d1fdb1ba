"""Exact reductions of a sharding problem, each with its proof and its way back."""
