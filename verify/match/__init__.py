"""Match: from candidate frames to aligned, scored segments."""
