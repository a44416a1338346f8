"""What a generated row must be like to be kept: gates, near-duplicates, decontamination. docs/reference/filters.md."""
