"""From a `Spec` to a proven plan: space, cost, CP-SAT models, verification, command line."""
