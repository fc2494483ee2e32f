"""The asyncio shell: executes effects, turns answers into events."""
