"""Asserts in what tests share tell what they compared, like those in the tests themselves.

No example has a deadline: a shared machine stalls for longer than any that would be useful.
"""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("node.healing")

settings.register_profile("nightdesk", settings(), deadline=None)
settings.load_profile("nightdesk")
