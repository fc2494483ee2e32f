"""The decision core: events in, records and effects out. Composes every pure room below it."""
