"""Where a pull request stands: states and labels, whom it waits for, who looks at it, and what a reviewer checks."""
