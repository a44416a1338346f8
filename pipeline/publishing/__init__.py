"""From a promoted build to what others load: a release folder, and publishers that carry it to where people look."""
