"""Asserts in what tests share tell what they compared, like those in the tests themselves."""

import pytest

pytest.register_assert_rewrite("node.healing")
