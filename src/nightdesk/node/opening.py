"""The first records of an epoch: who leads from here on, and by which settings."""

from nightdesk.desk.settings import DeskSettings
from nightdesk.model.records import GENERATION, Configured, EpochOpened, Record
from nightdesk.node.plan import VERSION, Plan
from nightdesk.runtime.lease import Lease


def opening(
    plan: Plan, settings: DeskSettings, lease: Lease, nonce: int, holder: str
) -> list[Record]:
    """They fence every older epoch. `nonce` is in all ids of this one, `holder` is its node's name."""
    return [
        EpochOpened(
            epoch=lease.epoch,
            nonce=nonce,
            holder=holder,
            version=VERSION,
            config_hash=settings.hash(),
            why=lease.why,
            generation=GENERATION,
        ),
        Configured(
            hash=settings.hash(),
            plan_hash=plan.hash(settings),
            instruments=list(settings.instruments.values()),
            body=settings.canonical(),
        ),
    ]
