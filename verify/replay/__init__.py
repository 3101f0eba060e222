"""A report, checked again: its bytes hashed, its search run from the stored fingerprints, its findings compared."""
