"""Webhooks, jobs, comments, pages and the command line: wires `validators` and `pipeline` to a forge."""
