"""Trained zstd dictionaries, one file N.zdict for each id N. Never deleted, never trained again.

A stored event names the id of the dictionary it was compressed with, so a log written with an
old one can be read as long as its file is here. A better dictionary is a new file with a new id.
"""
