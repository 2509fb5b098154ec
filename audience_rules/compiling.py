"""From the texts of rules to a program."""

from __future__ import annotations

from collections.abc import Mapping

from afflux.audiences.program import Program
from afflux.audiences.refusal import RuleError
from afflux.audiences.syntax import Node
from afflux.audiences.vocabulary import Vocabulary
from audience_rules.parsing import parse


def compile_rules(texts: Mapping[str, str], vocabulary: Vocabulary) -> Program:
    """The audiences of these names and rules. Raises RuleError, which names the audience.

    >>> from afflux.audiences.typed import Type
    >>> words = Vocabulary.of([], ["churn"], {"age": Type.INT})
    >>> compile_rules({"adults": "attributes.age >= 18"}, words).names
    ('adults',)
    >>> compile_rules({"risk": "scores.chur > 1.0"}, words)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    afflux.audiences.refusal.RuleError: audience risk, line 1, column 8: `scores` has no `chur`; ...
    """
    return Program({name: _parsed(name, text) for name, text in texts.items()}, vocabulary)


def _parsed(name: str, text: str) -> Node:
    try:
        return parse(text)
    except RuleError as error:
        raise error.of(name) from None
