"""Teachers: one `Teacher` seam (port.py) and the engines that serve it."""
