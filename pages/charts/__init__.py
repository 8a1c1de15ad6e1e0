"""Drawings, one file each: values in, a figure out."""
