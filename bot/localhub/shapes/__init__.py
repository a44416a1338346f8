"""GitHub's JSON for what localhub holds; one module per resource."""
