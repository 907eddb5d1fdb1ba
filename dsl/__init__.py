"""The `.mmp` language: text to a resolved `Spec`, with diagnostics that name their place."""
