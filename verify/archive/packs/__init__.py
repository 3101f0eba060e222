"""Packs: references that partners share in one signed file, without the videos."""
