"""Lower bounds of a `Problem`: prices on resources, messages on the priced graph."""
