"""The journal's bytes: frames, their chain, snapshots, and what may be believed of them after a crash."""
