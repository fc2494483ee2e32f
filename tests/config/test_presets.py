"""Where real money is at stake, told from addresses alone."""

import pytest

from nightdesk.config.load import ConfigError, load
from nightdesk.config.presets import PRESETS, WALLET, Addresses, moves_money, rights_at
from nightdesk.node.practice import practice_text

SPOT = PRESETS["binance-spot"]
HERE = Addresses(rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1", private="ws://127.0.0.1:1")
GIVEN = practice_text("http://127.0.0.1:1", ["BTCUSDT"])
NAMED = "\n".join(
    line for line in GIVEN.splitlines() if line.partition(" ")[0] not in Addresses._fields
)


def with_preset(name: str, text: str = NAMED) -> str:
    return text.replace('kind = "binance-spot"', f'kind = "binance-spot"\npreset = "{name}"')


@pytest.mark.parametrize(
    ("addresses", "real"),
    [
        (SPOT["production"], True),
        (SPOT["testnet"], False),
        (SPOT["demo"], False),
        (HERE, False),
        (HERE._replace(rest="http://[::1]:9", private="ws://localhost"), False),
        (HERE._replace(stream=SPOT["production"].stream), False),  # a market is only listened to
        (HERE._replace(private=SPOT["production"].private), True),
        (SPOT["testnet"]._replace(rest="https://api1.binance.com"), True),
        (HERE._replace(rest="http://10.0.0.7:80"), True),  # unknown is taken for real
        (HERE._replace(rest="http://0.0.0.0:80"), True),
        (HERE._replace(rest="https://testnet.binance.vision.example.org"), True),
        (HERE._replace(rest="https://127.0.0.1.example.org"), True),
    ],
)
def test_only_this_machine_and_hosts_for_play_move_no_money(
    addresses: Addresses, real: bool
) -> None:
    assert moves_money("binance-spot", addresses) is real


def test_a_key_of_contracts_is_shown_to_no_host_but_the_ones_it_is_for() -> None:
    usdm = PRESETS["binance-usdm"]
    assert rights_at("binance-usdm", usdm["production"]) == WALLET
    assert rights_at("binance-usdm", usdm["testnet"]) == ""
    assert rights_at("binance-usdm", HERE) == ""
    assert rights_at("binance-spot", HERE) == HERE.rest
    (venue,) = load(GIVEN, "x").venue.values()
    assert venue.rights_at == venue.addresses.rest
    elsewhere = GIVEN.replace("\nrest =", '\nrights = "http://127.0.0.1:2"\nrest =')
    (venue,) = load(elsewhere, "x").venue.values()
    assert venue.rights_at == "http://127.0.0.1:2"
    with pytest.raises(ConfigError, match=r"venue.binance.rights: must begin with http"):
        load(elsewhere.replace("http://127.0.0.1:2", "api.binance.com"), "x")


def test_a_preset_names_every_address_and_without_one_it_is_production() -> None:
    for name in ("testnet", "demo", "production"):
        (venue,) = load(with_preset(name), "x").venue.values()
        assert venue.addresses == SPOT[name]
        assert venue.real is (name == "production")
    (plain,) = load(NAMED, "x").venue.values()
    assert plain.addresses == SPOT["production"]
    (given,) = load(GIVEN, "x").venue.values()
    assert given.addresses == HERE
    assert not given.real


def test_a_preset_that_the_kind_does_not_have_is_refused_and_those_that_it_has_are_named() -> None:
    contracts = NAMED.replace('kind = "binance-spot"', 'kind = "binance-usdm"\npreset = "demo"')
    with pytest.raises(ConfigError) as refused:
        load(contracts, "x")
    told = 'venue.binance: kind = "binance-usdm" has no preset "demo"; it has production, testnet'
    assert any(told in problem for problem in refused.value.problems)
    assert not any("http" in problem for problem in refused.value.problems)


def test_a_preset_and_an_address_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r'preset = "demo" names every address.*private, rest'):
        load(with_preset("demo", GIVEN), "x")
    with pytest.raises(ConfigError, match=r"venue.binance.preset: Input should be 'production'"):
        load(with_preset("testnte"), "x")


def test_a_practice_venue_takes_no_preset() -> None:
    head, _, rest = NAMED.partition("[venue.binance]")
    play = '[venue.binance]\nkind = "practice"\npreset = "testnet"\n'
    with pytest.raises(ConfigError, match='kind = "practice" takes no preset'):
        load(head + play + rest[rest.index("[limits]") :], "x")
