"""The independent check of a plan document: every figure recomputed from spec and decisions.

It follows the text of `solver/README.md` and imports nothing of the search: neither its cost code
nor ortools. `check.verify` is the way in; `evaluate.evaluate` prices decisions without a document,
and `reprice.reprice` those of a document under another spec.
"""
