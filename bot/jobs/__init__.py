"""What the worker does: one file for each job."""
