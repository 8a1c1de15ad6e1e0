"""Everything a browser is given: page scripts, the components they compose, charts, and the live routes."""
