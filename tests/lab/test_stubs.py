"""What the wallet says of a key."""

from lab.driver import Driver
from lab.running import ACCOUNT
from nightdesk.lab.settings import AccountSettings

RIGHTS = "/sapi/v1/account/apiRestrictions"


def test_a_key_may_read_and_trade_and_no_more_unless_its_account_says_so() -> None:
    told = Driver().call("GET", RIGHTS).json
    assert told["enableReading"] is told["enableSpotAndMarginTrading"] is True
    assert told["enableWithdrawals"] is told["ipRestrict"] is False
    fields = {name: getattr(ACCOUNT, name) for name in ACCOUNT.__struct_fields__}
    account = AccountSettings(**(fields | {"may_withdraw": True}))
    told = Driver(accounts=(account,)).call("GET", RIGHTS).json
    assert told["enableWithdrawals"] is told["ipRestrict"] is True


def test_only_the_keys_owner_is_told() -> None:
    assert Driver().call("GET", RIGHTS, key="another").code == -2015
    assert Driver().public(RIGHTS).status == 401
