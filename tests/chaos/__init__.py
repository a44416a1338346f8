"""Pull requests by the hundred while processes are killed: `make chaos`, and in a small form as a test."""
