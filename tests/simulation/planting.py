"""What a planted bug is: a patch that a test applies to the product."""

from collections.abc import Callable

import pytest

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
