"""The third process of a desk: it watches the lease from outside, and gets out where nobody leads any more."""
