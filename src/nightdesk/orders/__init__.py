"""The life of an order: one table, and the book of orders folded from the journal."""
