"""Every error of a file at once, each with its line, its key and the way out."""

import pytest

from builders import D
from nightdesk.config.load import ConfigError, load
from nightdesk.node.practice import practice_text

GOOD = practice_text("http://127.0.0.1:1", ["BTCUSDT", "ETHUSDT"])


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(text, "desk.toml")
    assert str(error.value).startswith("desk.toml: ")
    return error.value.problems


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_practice_desks_own_config_is_good() -> None:
    config = load(GOOD, "x")
    assert [i.id for i in config.instrument] == ["binance:BTCUSDT", "binance:ETHUSDT"]
    assert str(config.limits.collar_bps) == "50"


def test_limits_that_may_be_set_are_read_where_they_belong() -> None:
    text = GOOD.replace("[limits]", '[limits]\nnet_max = "900"\nasset_max = { BTC = "1.5" }', 1)
    text += '\n[strategy.limits]\nposition_max = "0.5"\n'
    config = load(text, "x")
    assert (str(config.limits.net_max), config.limits.asset_max) == ("900", {"BTC": D("1.5")})
    assert config.strategy[-1].limits.position_max == D("0.5")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('asset_max = { DOGE = "1" }', "DOGE is the base asset of no [[instrument]]"),
        ("asset_max = { BTC = 1.5 }", 'write it as a string, "1.5"'),
        ('concentration_max = "1.1"', "less than or equal to 1"),
        ("orders_per_minute_max = 0", "greater than or equal to 1"),
        ('margin_use_max = "1.1"', "less than or equal to 1"),
        (
            'margin_use_max = "0.5"',
            "limits.margin_use_max: bounds contracts, and no [venue] has any",
        ),
        ('leverage_max = "2"', "limits.leverage_max: bounds contracts, and no [venue] has any"),
    ],
)
def test_a_limit_that_cannot_be_is_told(line: str, says: str) -> None:
    (problem,) = problems(GOOD.replace("[limits]", f"[limits]\n{line}", 1))
    assert says in problem


def test_several_errors_are_told_together_each_with_its_line() -> None:
    text = (
        GOOD.replace('order_qty_max = "0.1"', "order_qty_max = 0.1")
        .replace("open_orders_max = 20", "open_order_max = 20")
        .replace('kind = "binance-spot"', 'kind = "binance-sopt"')
        .replace('key = "file:key"', 'key = "s3cr3t"')
        .replace('collar_bps = "50"', 'collar_bps = "50"\nstale_after_ms = 1')
    )
    found = problems(text)
    assert len(found) == 5
    for part, key in (
        ("order_qty_max = 0.1", "limits.order_qty_max"),
        ("open_order_max", "limits.open_order_max"),
        ("binance-sopt", "venue.binance.kind"),
        ("s3cr3t", "venue.binance.account.key"),
        ("stale_after_ms = 1", "limits.stale_after_ms"),
    ):
        (problem,) = [p for p in found if f"{key}:" in p]
        assert problem.startswith(f"line {line_of(text, part)}: ")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("order_qty_mx", "order_qty_max"),
        ("position_mx", "position_max"),
        ("colar_bps", "collar_bps"),
    ],
)
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(wrong: str, right: str) -> None:
    found = problems(GOOD.replace(right, wrong, 1))
    assert any(f"unknown key; did you mean '{right}'?" in p for p in found)


def test_a_key_like_no_other_is_told_with_what_is_known_there() -> None:
    found = problems(GOOD.replace("[limits]", "[limits]\nzzz = 1"))
    assert any("unknown key; known here: " in p and "gross_max" in p for p in found)


@pytest.mark.parametrize(
    "key", ["order_qty_max", "order_notional_max", "position_max", "gross_max", "collar_bps"]
)
def test_money_as_a_float_is_refused_with_the_way_to_write_it(key: str) -> None:
    text = "\n".join(f"{key} = 1.5" if line.startswith(key) else line for line in GOOD.splitlines())
    assert any('write it as a string, "1.5"' in p and key in p for p in problems(text))


@pytest.mark.parametrize("value", ['"0"', '"-1"', '"NaN"', '"Infinity"', '"lots"', "true", "[]"])
def test_a_limit_that_is_no_positive_amount_is_refused(value: str) -> None:
    found = problems(GOOD.replace('gross_max = "40000"', f"gross_max = {value}"))
    assert any("limits.gross_max" in p for p in found)


def test_a_missing_key_and_a_missing_table_are_named() -> None:
    found = problems(GOOD.replace('gross_max = "40000"\n', "").replace('name = "practice"\n', ""))
    assert any(p.endswith("limits.gross_max: missing") for p in found)
    assert any(p.endswith("desk.name: missing") for p in found)
    assert any("missing" in p for p in problems("[desk]\nname='a'\njournal='j'\n"))


def test_what_only_the_parts_together_get_wrong_is_told_together() -> None:
    text = GOOD.replace('id = "binance:ETHUSDT"', 'id = "kraken:ETHUSDT"').replace(
        'name = "maker"', 'name = "trend"'
    )
    found = problems(text)
    assert any("no venue 'kraken'; there is binance" in p for p in found)
    assert any("'trend' is taken" in p for p in found)
    assert any("'binance:ETHUSDT' is no [[instrument]]; did you mean" in p for p in found)
    assert all(p.startswith("line ") for p in found)


def test_an_instrument_twice_and_a_strategy_called_operator_are_refused() -> None:
    text = GOOD.replace('id = "binance:ETHUSDT"', 'id = "binance:BTCUSDT"').replace(
        'name = "maker"', 'name = "operator"'
    )
    found = problems(text)
    assert any("listed twice" in p for p in found)
    assert any("'operator' is taken" in p for p in found)


def test_an_error_in_the_second_of_several_tables_names_the_second() -> None:
    text = GOOD.replace('order_qty_max = "2"', "order_qty_max = 2.5")
    (problem,) = problems(text)
    assert problem.startswith(f"line {line_of(text, 'order_qty_max = 2.5')}: instrument[1].limits")


@pytest.mark.parametrize(
    "address", ['rest = "ftp://x"', 'stream = "http://x"', 'private = "localhost:80"']
)
def test_an_address_of_the_wrong_kind_is_refused(address: str) -> None:
    key = address.split(" ", maxsplit=1)[0]
    text = "\n".join(address if line.startswith(f"{key} =") else line for line in GOOD.splitlines())
    assert any(f"venue.binance.{key}: must begin with" in p for p in problems(text))


def test_what_is_no_toml_says_where() -> None:
    (problem,) = problems("[desk\nname = 1")
    assert "not TOML" in problem
    assert "line 1" in problem


def test_a_desk_has_one_spot_account_and_trades_at_every_venue_it_names() -> None:
    more = GOOD.split("[limits]", maxsplit=1)[0].split("[venue.binance]")[1]
    more = more.replace("venue.binance", "venue.other")
    first, second = problems(GOOD + "\n[venue.other]" + more)
    assert "venue.other: [venue.binance] is a spot account as well" in first
    assert "venue.other: no [[instrument]] is traded there" in second
    perpetual = '\n[[instrument]]\nid = "other:BTCUSDT"\nleverage = 5\n'
    both = GOOD + "\n[venue.other]" + more.replace("binance-spot", "binance-usdm") + perpetual
    assert list(load(both, "x").venue) == ["binance", "other"]


def test_a_baseline_of_an_asset_that_is_not_traded_is_refused() -> None:
    assert problems(GOOD + '\n[baseline]\nBCT = "0.5"\n')


PLAY = """[venue.binance]
kind = "practice"
"""


def test_a_practice_venue_takes_no_address_and_no_account() -> None:
    head, _, rest = GOOD.partition("[venue.binance]")
    limits = rest[rest.index("[limits]") :]
    assert load(head + PLAY + limits, "x").practises
    assert not load(GOOD, "x").practises
    real = '[venue.other]\nkind = "binance-usdm"\naccount = { key = "env:A", secret = "env:B" }\n'
    assert any("stands alone" in each for each in problems(head + PLAY + real + limits))
    found = problems(head + PLAY + 'rest = "http://127.0.0.1:1"\n' + limits)
    assert found == [
        'line 7: venue.binance: kind = "practice" takes no rest: nightdesk up starts that exchange; '
        'remove it, or write kind = "binance-spot"'
    ]


def test_a_practice_exchange_may_have_both_markets_once() -> None:
    head, _, rest = GOOD.partition("[venue.binance]")
    limits = rest[rest.index("[limits]") :]
    usdm = '[venue.usdm]\nkind = "practice-usdm"\n'
    perp = '[[instrument]]\nid = "usdm:BTCUSDT"\nleverage = 3\n'
    config = load(head + PLAY + usdm + limits + perp, "x")
    assert config.practises
    assert [venue.contracts for venue in config.venue.values()] == [False, True]
    assert not any(venue.real for venue in config.venue.values())
    twice = usdm + usdm.replace("venue.usdm", "venue.other")
    found = problems(head + twice + limits + perp)
    assert any('kind = "practice-usdm" twice would be one account' in each for each in found)
    found = problems(head + PLAY + usdm + 'preset = "testnet"\n' + limits + perp)
    assert any("takes no preset" in each and 'kind = "binance-usdm"' in each for each in found)


def test_a_real_venue_without_an_account_is_told_together_with_what_else_is_wrong() -> None:
    head, _, rest = GOOD.partition("[venue.binance]")
    limits = rest[rest.index("[limits]") :].replace('gross_max = "40000"', "")
    found = problems(head + PLAY.replace("practice", "binance-spot") + limits)
    assert any(p.startswith("line 7: venue.binance.account: missing") for p in found)
    assert any(p.endswith("limits.gross_max: missing") for p in found)


def test_a_venue_may_have_several_hosts_and_links() -> None:
    rest = next(line for line in GOOD.splitlines() if line.startswith("rest ="))
    (one,) = load(GOOD, "x").venue.values()
    assert (len(one.rest), one.links) == (1, ())
    listed = 'rest = ["http://127.0.0.1:1", "http://127.0.0.1:2"]'
    links = 'links = ["192.0.2.10", "2001:db8::1"]'
    (venue,) = load(GOOD.replace(rest, f"{listed}\n{links}"), "x").venue.values()
    assert venue.rest == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert venue.addresses.rest == venue.rights_at == "http://127.0.0.1:1"
    assert venue.links == ("192.0.2.10", "2001:db8::1")
    assert not venue.real
    (venue,) = load(
        GOOD.replace(rest, listed.replace("127.0.0.1:2", "h.example")), "x"
    ).venue.values()
    assert venue.real, "one of them may be"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            'rest = ["http://a", "ftp://b"]',
            "venue.binance.rest: must begin with http:// or https://",
        ),
        (
            'rest = ["https://api.binance.com", "https://testnet.binance.vision"]',
            "'https://api.binance.com' is production of binance-spot, "
            "'https://testnet.binance.vision' is testnet of binance-spot: orders would go to both",
        ),
        (
            'rest = ["https://api.binance.com", "https://fapi.binance.com"]',
            "'https://fapi.binance.com' is production of binance-usdm",
        ),
        (
            'rest = ["http://127.0.0.1:1", "https://api1.binance.com"]',
            "'http://127.0.0.1:1' is a host of your own",
        ),
        ("rest = []", "venue.binance.rest: must begin with http:// or https://"),
        ('rest = ["http://a", "http://a"]', "venue.binance.rest: 'http://a' is listed twice"),
        (
            'rest = "http://a"\nlinks = ["eth0"]',
            "venue.binance.links: 'eth0' is no IP address; write one that this host has, like 192.0.2.10",
        ),
        (
            'rest = "http://a"\nlinks = ["192.0.2.1", "192.0.2.1"]',
            "venue.binance.links: '192.0.2.1' is listed twice",
        ),
    ],
)
def test_a_host_or_a_link_that_cannot_be_is_refused_by_its_line(written: str, told: str) -> None:
    rest = next(line for line in GOOD.splitlines() if line.startswith("rest ="))
    (problem,) = problems(GOOD.replace(rest, written))
    assert problem.startswith("line ")
    assert told in problem


PERPS = (
    GOOD.replace("binance-spot", "binance-usdm")
    .replace('"binance:BTCUSDT"\n', '"binance:BTCUSDT"\nleverage = 5\n')
    .replace('"binance:ETHUSDT"\n', '"binance:ETHUSDT"\nleverage = 5\n')
)


@pytest.mark.parametrize(
    ("line", "seconds"), [("", 60), ("dead_man_s = 0", 0), ("dead_man_s = 10", 10)]
)
def test_contracts_have_a_dead_mans_switch_unless_it_is_switched_off(
    line: str, seconds: int
) -> None:
    config = load(PERPS.replace("[venue.binance]", f"[venue.binance]\n{line}", 1), "x")
    assert config.venue["binance"].dead_man_ns == seconds * 10**9


def test_spot_has_none() -> None:
    assert load(GOOD, "x").venue["binance"].dead_man_ns == 0


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (PERPS, "dead_man_s = 9", "another node is about to take over; write 10 or more, or 0"),
        (PERPS, "dead_man_s = 3601", "less than or equal to 3600"),
        (PERPS, "dead_man_s = -1", "greater than or equal to 0"),
        (GOOD, "dead_man_s = 60", "this venue has no dead man's switch; remove it, or write 0"),
    ],
)
def test_a_dead_mans_switch_that_cannot_be_is_told(text: str, line: str, says: str) -> None:
    written = text.replace("kind =", f"{line}\nkind =", 1)
    [problem] = problems(written)
    assert says in problem
    assert problem.startswith(f"line {line_of(written, line)}: venue.binance.dead_man_s")


KEY = '\n[guardian.account.binance]\nkey = "file:g"\nsecret = "file:g"\n'


def test_without_a_word_of_it_a_guardian_only_tells() -> None:
    guardian = load(GOOD, "x").guardian
    assert (guardian.policy, guardian.after_s, guardian.blind) == ("tell", 60, False)


def test_a_guardian_that_acts_is_read_with_its_own_key() -> None:
    guardian = load(f'{GOOD}\n[guardian]\npolicy = "flatten"\nafter_s = 20\n{KEY}', "x").guardian
    assert (guardian.policy, guardian.after_s) == ("flatten", 20)
    assert guardian.account["binance"].key == "file:g"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            'policy = "cancel"',
            'guardian.policy: "cancel" needs a key at each venue: write [guardian.ac',
        ),
        ('policy = "sell"', "guardian.policy: Input should be 'tell', 'cancel' or 'flatten'"),
        ("after_s = 9", "guardian.after_s: Input should be greater than or equal to 10"),
        ("after = 9", "guardian.after: unknown key; did you mean 'after_s'?"),
        (
            KEY.replace("binance", "kraken"),
            "guardian.account.kraken: no venue 'kraken'; there is bin",
        ),
        (KEY.replace("file:g", "hunter2", 1), "guardian.account.binance.key: must be a reference"),
    ],
)
def test_a_guardian_that_cannot_be_is_told(written: str, says: str) -> None:
    problem = problems(f"{GOOD}\n[guardian]\n{written}\n")[0]
    assert says in problem
    assert problem.startswith("line ")


def test_a_spool_is_one_place_for_every_node() -> None:
    text = GOOD.replace("[desk]", '[desk]\nspool = "/mnt/other/spool"', 1)
    assert load(text, "x").desk.spool == "/mnt/other/spool"
    assert load(GOOD, "x").desk.spool is None
    text = text.replace("/mnt/other/spool", "spool")
    [told] = problems(text)
    assert told.startswith(f"line {line_of(text, 'spool =')}: desk.spool: ")
    assert "write an absolute path, the same for every node; this is 'spool'" in told
