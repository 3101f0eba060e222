"""The reference archive: metadata, fingerprints and thumbnails of videos seen before, and the search over them."""
