"""Benchmarks: where the speed tables of the README come from. See README.md in this folder.

They measure the product through the functions that the command line calls; no product code may import them but that
command line.
"""
