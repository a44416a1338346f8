"""Where pull requests live: the `Forge` seam and its adapters."""
