"""Errors of Redis as errors of ours, whatever a server's version puts around them."""

from __future__ import annotations

import pytest
from redis import exceptions

from profile_store.errors import StoreError, StoreMisconfigured, StoreUnavailable
from profile_store.replies import is_error, store_error

OF_6 = "Error running script (call to f_d29f8c40fe79): @user_script:"
OF_7 = " script: d29f8c40fe79, on @user_script:16."
WRONG = "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (f"{OF_6}16: {WRONG}", StoreMisconfigured, "another type"),
        (f"ERR {OF_6} 16: {WRONG}", StoreMisconfigured, "another type"),
        (WRONG + OF_7, StoreMisconfigured, "another type"),
        (
            f"{OF_6}33: @user_script: 33: -OOM command not allowed",
            StoreUnavailable,
            "out of memory",
        ),
        (f"OOM command not allowed{OF_7}", StoreUnavailable, "out of memory"),
        (
            f"{OF_6}41: @user_script: 41: -READONLY You can't write",
            StoreUnavailable,
            "read-only replica",
        ),
        (f"{OF_6}3: attempt to index a nil value", StoreError, "answers: attempt to index"),
    ],
)
def test_an_error_inside_a_script_is_the_same_before_and_from_redis_7(
    text: str, kind: type[StoreError], said: str
) -> None:
    """The code decides, where in the text it stands does not."""
    error = store_error(exceptions.ResponseError(text), "here")
    assert type(error) is kind
    assert said in str(error)


def test_the_code_of_a_reply_is_found_behind_the_words_of_a_script() -> None:
    """What asks for one code sees it; another one is not taken for it."""
    reply = exceptions.ResponseError(f"{OF_6}16: {WRONG}")
    assert is_error(reply, "WRONGTYPE")
    assert not is_error(reply, "NOSCRIPT")
    assert not is_error(b"WRONGTYPE", "WRONGTYPE")
