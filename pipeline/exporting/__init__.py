"""Datasets for other people's programs: InstructLab messages, Parquet, lm-eval tasks, and a card that says whose it is.

All of it is a function of the stored datasets: no teacher is asked, no clock and no unseeded chance is used.
"""
