"""One venue as the shell reaches it: orders out, questions asked, its clock known."""

from collections.abc import Iterable

import msgspec

from nightdesk.runtime.dead_man import DeadMan
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.questions import Questions
from nightdesk.runtime.requester import Requester
from nightdesk.venues.protocol import VenueCodec


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The way to one venue."""

    codec: VenueCodec
    requester: Requester
    gateway: Gateway
    questions: Questions
    dead_man: DeadMan | None = None  # where the venue has one, and the config wants it


def sent(routes: Iterable[Route]) -> int:
    """Orders that left."""
    return sum(route.gateway.sent for route in routes)


def in_flight(routes: Iterable[Route]) -> int:
    """Orders that left and were not answered yet."""
    return sum(route.gateway.in_flight for route in routes)
