"""Where a build came from, in forms that other programs read: credits, bill of materials, signed statement."""
