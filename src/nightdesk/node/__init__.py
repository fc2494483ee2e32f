"""A desk node: start is recovery, then everything runs until it is told to stop or must."""
