"""Good selections for problems too large to prove: annealing, then neighbourhoods by CP-SAT."""
