"""Check a solution document against its instance, read anew, in plain Python.

Violation codes: `field-*` (JSON), `format`, `outcome`; `length`, `strategy`, `forbidden`;
`memory-limit`, `memory-peak`, `memory-at`, `memory-paid`; `pin-list`, `pin-broken`,
`pin-satisfied`, `pin-paid`; `objective`, `bound`, `gap`. Whole numbers are compared exactly, others
up to a relative 1e-9.
"""
