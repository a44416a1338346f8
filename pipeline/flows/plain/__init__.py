"""Flows for small teachers: few-shot turns in plain text, judged lexically."""
