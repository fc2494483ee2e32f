"""What `nightdesk init` and `nightdesk new` write: a desk's config, a strategy, its test."""
