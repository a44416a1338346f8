"""Scoring a student."""
