"""A spec that leaves nothing to choose, priced at once: its pins become the decisions of a plan.

`settings` reads the division of the mesh and the batch, `stages` deals out layers, `cuts` takes the
pins on operators, `layouts` and `storage` what follows for tensors and parameters, `order` the
schedule; `evaluate` joins them. What only the solver could decide is an `OpenError`; what a simple
rule settles instead is an `Assumption`, which the report shows.
"""
