"""From taxonomy to model. Knows no forge and no web."""
