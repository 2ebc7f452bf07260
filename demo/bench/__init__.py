"""The command `bench`: how fast this machine reads films."""
