"""Many plans of one spec: a grid of parameter values, where its points run, and which are best.

Knows neither files nor reports: what is done at a point is a function that it is given.
"""
