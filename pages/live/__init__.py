"""The live side of a page: the routes that stream a run, and the panel that draws it."""
