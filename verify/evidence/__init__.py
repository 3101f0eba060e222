"""Evidence: the write-once case folder that keeps the original bytes."""
