"""Plans that are executed: proof, level by level, that what was predicted is what happens."""
