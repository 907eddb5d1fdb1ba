"""The search over splits of the mesh: bounds first, then selections, stages and schedules."""
