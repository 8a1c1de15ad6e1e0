"""Several servers of one database: which is alive, whose a run is, and what the others show of it and have it do."""
