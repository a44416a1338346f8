"""Registering Seedbed as an App at the forge with one click, and saying what is missing."""
