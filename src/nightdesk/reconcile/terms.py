"""On which terms contracts are held, config against venue; nothing here ever changes them."""

from collections.abc import Mapping

from nightdesk.model.account import AccountTerms, Terms
from nightdesk.model.ids import InstrumentId, instrument_key


def faults(venue: AccountTerms, wanted: Mapping[InstrumentId, Terms]) -> list[str]:
    """What differs, each with how to change it; empty where the account is as the config says."""
    found = []
    if venue.hedge:
        found.append(
            "the account holds long and short side by side (hedge mode), which this desk does not trade: set "
            "position mode to One-way at the venue, when nothing is held or open"
        )
    if venue.multi_asset:
        found.append(
            "every asset of the wallet is margin for every contract (multi-assets mode); this desk cannot "
            "value that: set asset mode to Single-Asset at the venue"
        )
    for instrument, terms in wanted.items():
        found += _of_contract(instrument, venue.contracts.get(instrument), terms)
    return found


def _of_contract(instrument: InstrumentId, told: Terms | None, wanted: Terms) -> list[str]:
    if told is None:
        return [f"{instrument}: the venue does not say on which terms it is held"]
    found, symbol = [], instrument_key(instrument)
    if told.leverage != wanted.leverage:
        found.append(
            f"{instrument}: leverage is {told.leverage} at the venue and {wanted.leverage} in the config: set "
            f"that of {symbol} to {wanted.leverage} at the venue, or leverage = {told.leverage} in the config"
        )
    if told.margin is not wanted.margin:
        found.append(
            f"{instrument}: margin is {told.margin} at the venue and {wanted.margin} in the config: set margin "
            f'mode of {symbol} to {wanted.margin} at the venue, or margin = "{told.margin}" in the config'
        )
    return found
