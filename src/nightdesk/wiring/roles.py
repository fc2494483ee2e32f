"""What `nightdesk up` starts: a node and one that stands by, or one of them."""

PAIR, LEADER, STANDBY = "pair", "leader", "standby"
