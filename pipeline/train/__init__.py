"""Tuning a student."""
