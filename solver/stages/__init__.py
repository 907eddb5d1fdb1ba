"""Layers on stages: what a stage costs under a stage map, and the CP-SAT model that picks it."""
