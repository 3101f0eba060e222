"""Has this footage been seen before? Finds reused footage in a video release and writes a provenance report."""

__version__ = "0.1.0"
