"""`backlog work`: claims cards, runs a command for each, keeps its lease and tells how it ended.

`worker` decides when to claim and when to stop, `attempt` sees one card through, `command` is the
process, `outcome` says what its end means for the card, `link` is the way to the store.
"""
