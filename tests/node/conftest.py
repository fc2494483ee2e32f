"""The asserts that whole desks' tests share tell what they compared, like those in the tests."""

import pytest

pytest.register_assert_rewrite("node.healing")
