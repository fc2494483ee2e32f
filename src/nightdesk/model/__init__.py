"""The words every room shares: ids, money, time, instruments, orders, market data, records, errors."""
