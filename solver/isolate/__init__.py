"""Runs the search in a process of its own, so that no crash of it costs the plan in hand.

`run.run` is the way in. The child is `python -m solver.isolate.child`; `wire` is what the two say
to each other, `process` owns the child, `interrupts` turns signals into requests.
"""
