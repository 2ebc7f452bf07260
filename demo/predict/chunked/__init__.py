"""`predict --output DIR`: any number of films in chunks, on this machine's processes or a Ray cluster's.

A chunk's part file is its commit: it is there whole or not at all. Whatever is killed, chunks without a part are read
again and the others are not, so that the same command goes on and no film is in the result twice.
"""
