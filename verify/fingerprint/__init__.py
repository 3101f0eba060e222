"""Fingerprints: one module per cue, one registry."""
