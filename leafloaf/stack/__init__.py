"""`make run` and the throw-away stack of the tests: embedded servers and the processes on top.

Development only. Nothing here reads the settings, since it chooses the addresses that stand in them.
"""
