"""What users read: comments, check runs, pages."""
