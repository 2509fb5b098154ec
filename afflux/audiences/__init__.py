"""Audiences: rules in CEL over profiles, compiled to columns.

In the order of a rule's life: `syntax` (the tree that a parser gives), `vocabulary` (what a rule
may name), `checking` (types, refusals), `program` (all rules as one list of array operations),
`profile_columns` (rows as the columns they read), `membership` (who came in, who left).
"""
