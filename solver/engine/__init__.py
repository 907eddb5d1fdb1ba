"""The sharding engine: choose one strategy per node of a `solver.engine.problem.Problem`."""
