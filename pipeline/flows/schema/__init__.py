"""Flows for large teachers: instructions, and replies that fit a JSON Schema."""
