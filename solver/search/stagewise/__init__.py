"""A bound on every plan of a split, found stage by stage (`bound`)."""
