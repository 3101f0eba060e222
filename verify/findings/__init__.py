"""Findings: from matches and metadata to bounded statements. All wording lives here."""
