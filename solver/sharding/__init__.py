"""The sharding choice: nodes with strategies, pairwise tables, storage; bounds and CP-SAT."""
