"""Interests of a person: decayed weights of the things that their events are about.

A row of its own for each identity that ever mentioned something: so a person without items or
pages costs nothing, and the fragment does not grow.
"""
