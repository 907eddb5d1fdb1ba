"""The cost model of solver/README.md over arrays: one rule per file, units in the names."""
