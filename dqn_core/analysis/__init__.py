"""What runs say together: groups over seeds, bands, metrics. Plain arrays in, plain arrays out."""
