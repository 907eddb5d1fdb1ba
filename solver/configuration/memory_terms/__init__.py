"""Bytes of one device, one term per file; `solver.configuration.memory` adds them up."""
