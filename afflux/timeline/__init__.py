"""What happened to a person, event by event: the last ones of each fragment, short.

An entry says when, what, how much and about which things; not the whole event, which is Kafka's to
keep. Entries stand in the order of the log, so they are a function of it like the row beside them.
"""
