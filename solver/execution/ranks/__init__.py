"""A plan as a program for tensors: every operator on its piece, every collective of its layouts.

Nothing here differentiates by itself: forward, input gradients and weight gradients are separate
steps that keep what the plan says they keep, so what runs is the plan and not a framework's idea of
it. `machine.py` says on which ranks: one of any number with fake tensors, or all of a few at once.
"""
