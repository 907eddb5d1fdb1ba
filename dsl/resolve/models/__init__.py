"""Models: unrolling blocks and repeats into a graph of operators over named indices.

`build` walks the items of a model, `scopes` holds what names mean inside it, `operators` and
`measured` make operators, `tree` is the hierarchy of names that selectors walk, `layers` divides
the operators into the units a pipeline stage holds.
"""
