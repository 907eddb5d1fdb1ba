"""A sharding problem under a pattern of stages as the engine's one form, and the way back."""
