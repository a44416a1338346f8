"""Durable jobs: the `Engine` seam and its adapters."""
