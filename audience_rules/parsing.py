"""CEL text to the core's syntax tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

from afflux.audiences.refusal import RuleError
from afflux.audiences.syntax import Call, Foreign, Items, Literal, Name, Node, Place, Select
from audience_rules.tokens import RESERVED, TokenError, number, string

LONGEST = 10_000
"""Characters of a rule."""

DEEPEST = 50
"""Parts within parts."""

_OPERATORS = {
    "lt": "_<_", "le": "_<=_", "gt": "_>_", "ge": "_>=_", "eq": "_==_", "ne": "_!=_", "in": "@in",
    "add": "_+_", "sub": "_-_", "mul": "_*_", "div": "_/_", "mod": "_%_",
}  # fmt: skip
_CHAINS = {"conditionalor": "_||_", "conditionaland": "_&&_"}
_FOREIGN = {
    "map_lit": "a map", "member_object": "a message", "dot_ident": "a leading dot",
    "dot_ident_arg": "a leading dot",
}  # fmt: skip


def parse(text: str) -> Node:
    r"""The tree of a rule. Raises RuleError.

    >>> from afflux.audiences.checking import start
    >>> rule = parse("attributes.age >= 18 &&\n  has(scores.churn.value)")
    >>> rule.function, start(rule.arguments[1])
    ('_&&_', Place(line=2, column=3))
    >>> parse("attributes.age >> 18")
    Traceback (most recent call last):
    afflux.audiences.refusal.RuleError: line 1, column 17: no CEL: `>` cannot stand here
    """
    if len(text) > LONGEST:
        raise RuleError(f"a rule has at most {LONGEST:,} characters", Place(1, 1))
    return _node(_tree(text), DEEPEST)


def _tree(text: str) -> Tree[Token]:
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken) and error.token.type == "$END":
            raise RuleError("no CEL: something is missing at the end", _end(text)) from None
        place = Place(error.line, error.column)
        what = text.split("\n")[place.line - 1][place.column - 1 : place.column]
        raise RuleError(f"no CEL: `{what}` cannot stand here", place) from None


@cache
def _parser() -> Lark:
    """The grammar is cel-python's; its own parser forgets where `true` and `false` stand.

    Making it takes half a second: whoever saves no rule does without.
    """
    found = find_spec("celpy")
    assert found is not None
    assert found.origin is not None
    return Lark(
        Path(found.origin).with_name("cel.lark").read_text(),
        parser="lalr",
        start="expr",
        g_regex_flags=re.M,
        lexer_callbacks={"IDENT": _truth},
        propagate_positions=True,
        maybe_placeholders=False,
        priority="invert",
    )


def _truth(token: Token) -> Token:
    if token in ("true", "false"):
        return Token.new_borrow_pos("BOOL_LIT", str(token), token)
    return token


def _end(text: str) -> Place:
    lines = text.split("\n")
    return Place(len(lines), len(lines[-1]) + 1)


def _place(tree: Tree[Token]) -> Place:
    return Place(tree.meta.line, tree.meta.column)


def _node(tree: Tree[Token], deep: int) -> Node:
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree):
        if tree.data in ("list_lit", "map_lit"):
            break
        tree = tree.children[0]
    if not deep:
        raise RuleError(f"more than {DEEPEST} parts within parts", _place(tree))
    return _Reader(tree, deep - 1).node()


class _Reader:
    """One node of the parser's tree with something in it."""

    def __init__(self, tree: Tree[Token], deep: int) -> None:
        self._tree = tree
        self._deep = deep
        self._place = _place(tree)
        self._children = tree.children

    def node(self) -> Node:
        kind = str(self._tree.data)
        if kind in _FOREIGN:
            return Foreign(_FOREIGN[kind], self._place)
        if kind in _CHAINS:
            return self._chain(kind)
        if kind in ("relation", "addition", "multiplication"):
            return self._binary()
        return getattr(self, f"_{kind}")()  # type: ignore[no-any-return]

    def _below(self, i: int) -> Node:
        child = self._children[i]
        assert isinstance(child, Tree)
        return _node(child, self._deep)

    def _token(self, i: int) -> tuple[str, Place]:
        token = self._children[i]
        assert isinstance(token, Token)
        return str(token), Place(token.line or 1, token.column or 1)

    def _list(self, i: int) -> tuple[Node, ...]:
        if len(self._children) <= i:
            return ()
        items = self._children[i]
        assert isinstance(items, Tree)
        return tuple(_node(c, self._deep) for c in items.children if isinstance(c, Tree))

    def _expr(self) -> Node:
        return Call("_?_:_", (self._below(0), self._below(1), self._below(2)), self._place)

    def _chain(self, kind: str) -> Node:
        """`a && b && c`: it is not deep for being long."""
        parts: list[Tree[Token]] = []
        tree = self._tree
        while tree.data == kind and len(tree.children) == 2:
            left, right = tree.children
            assert isinstance(left, Tree)
            assert isinstance(right, Tree)
            parts.append(right)
            tree = left
        parts.append(tree)
        return self._halved(_CHAINS[kind], [_node(p, self._deep) for p in reversed(parts)])

    def _halved(self, function: str, parts: Sequence[Node]) -> Node:
        """`&&` and `||` may be grouped in any way, errors included."""
        if len(parts) == 1:
            return parts[0]
        middle = len(parts) // 2
        halves = (self._halved(function, parts[:middle]), self._halved(function, parts[middle:]))
        return Call(function, halves, self._place)

    def _binary(self) -> Node:
        left, _ = self._children
        assert isinstance(left, Tree)
        _, _, name = str(left.data).partition("_")
        inner = left.children[0]
        assert isinstance(inner, Tree)
        arguments = (_node(inner, self._deep), self._below(1))
        function = _OPERATORS[name]
        width = len(function.strip("_@"))
        return Call(function, arguments, Place(left.meta.end_line, left.meta.end_column - width))

    def _unary(self) -> Node:
        sign = self._children[0]
        assert isinstance(sign, Tree)
        function = "!_" if sign.data == "unary_not" else "-_"
        return Call(function, (self._below(1),), self._place)

    def _member_dot(self) -> Node:
        return Select(self._below(0), *self._token(1))

    def _member_dot_arg(self) -> Node:
        function, place = self._token(1)
        return Call(function, self._list(2), place, target=self._below(0))

    def _member_index(self) -> Node:
        key = self._below(1)
        if isinstance(key, Literal) and isinstance(key.value, str):
            return Select(self._below(0), key.value, key.place, quoted=True)
        return Foreign("an index that is no string", key.place)

    def _ident(self) -> Node:
        name, place = self._token(0)
        if name in RESERVED:
            raise RuleError(f"`{name}` is a word that CEL reserves", place)
        return Name(name, place)

    def _ident_arg(self) -> Node:
        function, place = self._token(0)
        return Call(function, self._list(1), place)

    def _list_lit(self) -> Node:
        return Items(self._list(0), self._place)

    def _literal(self) -> Node:
        token = self._children[0]
        assert isinstance(token, Token)
        text, place = self._token(0)
        try:
            match token.type:
                case "BOOL_LIT":
                    return Literal(text == "true", place)
                case "INT_LIT" | "FLOAT_LIT":
                    return Literal(number(text), place)
                case "STRING_LIT" | "MLSTRING_LIT":
                    return Literal(string(text), place)
                case "NULL_LIT":
                    return Foreign("null (ask has(...) for what is missing)", place)
                case "UINT_LIT":
                    return Foreign("an unsigned number", place)
                case _:
                    return Foreign("a string of bytes", place)
        except TokenError as error:
            raise RuleError(str(error), place) from None
