"""The real world behind the ports: sockets, files, databases, clocks."""
