"""A plan as a package that PyTorch runs: mesh, placements, stages, schedule, `train.py`."""
